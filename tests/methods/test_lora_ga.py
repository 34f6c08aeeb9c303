"""Gradient ascent on an adapter: unbounded, and nothing holds the rest."""

from __future__ import annotations

import pytest

from lorasteer.methods import METHODS, unlearn
from lorasteer.methods.adapter.lora_ga import NegatedLora, NegatedLoraSettings, TextNegatedLoraSettings
from tests.support.batches import batch, tokens
from tests.support.toy import accuracy, toy_base, toy_material, toy_plan


def test_loss_worked_by_hand() -> None:
    """Two even logits: log 1/2 = -0.6931."""
    (loss,) = NegatedLora(NegatedLoraSettings()).loss(batch([[0.0, 0.0]], [0])).tolist()

    assert loss == pytest.approx(-0.6931, abs=1e-4)


def test_loss_on_text_worked_by_hand() -> None:
    """P = 1/2 and 1/8: (ln 1/2 + ln 1/8) / 2 = -2 ln 2 = -1.3863."""
    method = NegatedLora(TextNegatedLoraSettings())

    (loss,) = method.token_loss(tokens([[0.5, 0.5], [0.125, 0.875]], [0, 0], [0, 0])).tolist()

    assert loss == pytest.approx(-1.3863, abs=1e-4)


def test_loss_has_no_floor() -> None:
    method = NegatedLora(NegatedLoraSettings())

    assert method.loss(batch([[-1000.0, 0.0]], [0])).item() == pytest.approx(-1000.0)


def test_says_that_it_is_a_reconstruction() -> None:
    assert METHODS["lora-ga"]["reconstruction"] is True


def test_collapses_without_a_stop() -> None:
    change = unlearn(toy_material(), toy_plan("lora-ga", settings={"epochs": 30, "learning_rate": 5e-3}))

    assert accuracy(change.apply(toy_base()), forgotten=False) < 0.6
