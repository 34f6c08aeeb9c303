"""Gradient ascent over all weights."""

from __future__ import annotations

import pytest

from lorasteer.methods import unlearn
from lorasteer.methods.finetuning.gradient_ascent import GradientAscent, GradientAscentSettings
from tests.support.batches import batch
from tests.support.toy import toy_base, toy_material, toy_plan


def test_loss_worked_by_hand() -> None:
    """Four even logits: log 1/4 = -1.3863."""
    loss = GradientAscent(GradientAscentSettings()).loss(batch([[0.0] * 4], [2]))

    assert loss.item() == pytest.approx(-1.3863, abs=1e-4)


def test_moves_every_layer() -> None:
    change = unlearn(toy_material(), toy_plan("gradient-ascent"))

    assert set(change.layers) == {"conv1", "conv2", "fc1", "fc2"}
    assert change.record.trainable == sum(parameter.numel() for parameter in toy_base().model.parameters())
