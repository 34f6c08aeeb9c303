"""Logit mask: the class never wins, the others are untouched."""

from __future__ import annotations

import pytest
import torch

from lorasteer.errors import PlanError
from lorasteer.methods import unlearn
from tests.support.toy import FORGOTTEN, answers, half_class, toy_base, toy_material, toy_plan


def test_never_wins_and_leaves_the_other_logits_alone() -> None:
    others = [label for label in range(10) if label != FORGOTTEN]
    said = answers(unlearn(toy_material(), toy_plan("logit-mask")).apply(toy_base()))

    assert not (said.argmax(-1) == FORGOTTEN).any()
    assert torch.equal(said[:, others], answers(toy_base().model)[:, others])


def test_changes_one_number() -> None:
    change = unlearn(toy_material(), toy_plan("logit-mask"))

    assert change.layers == ("fc2",)
    assert change.record.trainable == 0


def test_part_of_a_class_is_refused_by_name() -> None:
    splits = half_class()
    with pytest.raises(PlanError, match="class '7' is only partly in the forget set"):
        unlearn(toy_material(splits), toy_plan("logit-mask", splits=splits))
