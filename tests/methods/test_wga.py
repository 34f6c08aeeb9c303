"""Gradient ascent weighted by confidence."""

from __future__ import annotations

import math

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.adapter.wga import WeightedAscent, WeightedAscentSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """P = 1/2 and 1/4, beta 1: (1/2 ln 1/2 + 1/4 ln 1/4) / 2 = -1/2 ln 2."""
    given = tokens([[0.5, 0.5], [0.25, 0.75]], [0, 0], [0, 0])
    assert WeightedAscent(WeightedAscentSettings()).token_loss(given).tolist() == pytest.approx([-math.log(2) / 2])


def test_beta_0_is_gradient_ascent() -> None:
    given = tokens([[0.5, 0.5], [0.25, 0.75]], [0, 0], [0, 0])
    assert WeightedAscent(WeightedAscentSettings(beta=0)).token_loss(given).tolist() == pytest.approx([-1.5 * math.log(2)])


def test_a_negative_power_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'wga': beta"):
        settings_of("wga", {"beta": -1}, task="language")
