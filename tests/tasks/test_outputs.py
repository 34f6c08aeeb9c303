"""A model's answer: a tensor, or an object with logits; anything else is named."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from lorasteer.errors import PlanError
from lorasteer.tasks.outputs import logits_of
from tests.support.errors import refuses


def test_a_tensor_and_a_field_are_taken_as_they_are() -> None:
    logits = torch.zeros(2, 3)
    assert logits_of(logits) is logits
    assert logits_of(SimpleNamespace(logits=logits)) is logits


def test_other_answers_are_named() -> None:
    with refuses(PlanError, "tuple", ".logits"):
        logits_of((torch.zeros(1),))
    with refuses(PlanError, "SimpleNamespace"):
        logits_of(SimpleNamespace(logits=None))
