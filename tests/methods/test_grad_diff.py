"""Gradient difference: its forget term and its anchor."""

from __future__ import annotations

import math

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import METHODS, settings_of, unlearn
from lorasteer.methods.adapter.grad_diff import GradDiff, GradDiffSettings
from tests.support.batches import tokens
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_material, tiny_plan


def test_loss_worked_by_hand() -> None:
    """One answer of two tokens, P = 1/2 and 1/8: (ln 1/2 + ln 1/8) / 2 = -2 ln 2; another of one, P = 1/4."""
    given = tokens([[0.5, 0.5, 0.0], [0.125, 0.875, 0.0], [0.25, 0.5, 0.25]], [0, 0, 0], [0, 0, 1])
    loss = GradDiff(GradDiffSettings()).token_loss(given)
    assert loss.tolist() == pytest.approx([-2 * math.log(2), -2 * math.log(2)])


def test_retained_examples_are_answered_rightly_with_weight_1_by_default() -> None:
    settings = settings_of("grad-diff", {}, task="language")
    assert (settings.anchor, settings.anchor_weight) == ("cross-entropy", 1.0)


def test_without_retained_examples_the_need_is_named() -> None:
    assert "retain" in METHODS["grad-diff"]["needs"]


def test_an_unknown_anchor_is_refused() -> None:
    with refuses(PlanError, "setting of 'grad-diff': anchor"):
        unlearn(tiny_material(), tiny_plan("grad-diff", anchor="mse"))
