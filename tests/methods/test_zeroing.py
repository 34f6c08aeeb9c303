"""Zeroing: one row and one bias, and nothing else."""

from __future__ import annotations

import torch

from lorasteer.methods import unlearn
from tests.support.toy import FORGOTTEN, answers, toy_base, toy_material, toy_plan


def test_row_and_bias_are_zero_and_the_rest_is_the_base() -> None:
    model, base = unlearn(toy_material(), toy_plan("zeroing")).apply(toy_base()), toy_base().model
    weight, others = model.get_parameter("fc2.weight"), [label for label in range(10) if label != FORGOTTEN]

    assert not weight[FORGOTTEN].any()
    assert model.get_parameter("fc2.bias")[FORGOTTEN] == 0
    assert torch.equal(weight[others], base.get_parameter("fc2.weight")[others])


def test_logit_is_zero() -> None:
    """0 * features + 0 = 0: it still wins where all other logits are negative."""
    assert not answers(unlearn(toy_material(), toy_plan("zeroing")).apply(toy_base()))[:, FORGOTTEN].any()
