"""Gradient ascent weighted by saturation and importance."""

from __future__ import annotations

import math

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.adapter.satimp import SatImp, SatImpSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """P = 1/2, powers 5 and 1: 1/64 ln 1/2. A token of P = 1 adds nothing; the mean is over both."""
    given = tokens([[0.5, 0.5], [1.0, 0.0]], [0, 0], [0, 0])
    assert SatImp(SatImpSettings()).token_loss(given).tolist() == pytest.approx([-math.log(2) / 128])


def test_a_negative_power_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'satimp': beta2"):
        settings_of("satimp", {"beta2": -1}, task="language")
