"""Negative preference optimisation on summed log-probabilities against the base's."""

from __future__ import annotations

import math

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.preference.npo import NegativePreference, NegativePreferenceSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """Two tokens of P = 1/4 where the base had 1/2: NLL - NLL0 = 2 ln 2. Beta 1: -2 log sigmoid(ln 4) = 2 ln(5/4)."""
    given = tokens([[0.25, 0.75]] * 2, [0, 0], [0, 0], reference=[[0.5, 0.5]] * 2)
    method = NegativePreference(NegativePreferenceSettings(beta=1.0))
    assert method.token_loss(given).tolist() == pytest.approx([2 * math.log(5 / 4)])


def test_at_the_start_every_answer_counts_alike_however_long() -> None:
    """The model says what the base says: -(2 / beta) log 1/2 for each."""
    given = tokens([[0.5, 0.5], [0.125, 0.875], [0.25, 0.75]], [0, 0, 0], [0, 0, 1])
    method = NegativePreference(NegativePreferenceSettings())
    assert method.token_loss(given).tolist() == pytest.approx([20 * math.log(2)] * 2)


def test_beta_0_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'npo': beta"):
        settings_of("npo", {"beta": 0}, task="language")
