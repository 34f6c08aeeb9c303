"""NPO without a reference, per token."""

from __future__ import annotations

import math

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.preference.simnpo import SimpleNegativePreference, SimpleNegativePreferenceSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """Two tokens of P = 1/4, beta 1, delta 0: -2 log sigmoid(ln 4) = 2 ln(5/4), whatever the base says."""
    given = tokens([[0.25, 0.75]] * 2, [0, 0], [0, 0], reference=[[0.9, 0.1]] * 2)
    method = SimpleNegativePreference(SimpleNegativePreferenceSettings(beta=1.0))
    assert method.token_loss(given).tolist() == pytest.approx([2 * math.log(5 / 4)])


def test_the_anchor_weighs_as_much_as_in_the_authors_settings() -> None:
    """Forget 0.125, retain 1: a weight of 8."""
    assert settings_of("simnpo", {}, task="language").anchor_weight == 1 / 0.125


def test_beta_0_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'simnpo': beta"):
        settings_of("simnpo", {"beta": 0}, task="language")
