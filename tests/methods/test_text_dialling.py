"""A change that went past the band is turned down into it."""

from __future__ import annotations

import numpy as np

from tests.methods.test_text_procedure import probability, trained
from tests.support.tiny_text import tiny_base

PAST = {"epochs": 20, "learning_rate": 2e-2, "forget_probability": 0.6, "retain_within": 1.0, "anchor": "none"}


def test_what_was_forgotten_too_well_is_turned_down_into_the_band() -> None:
    plain = trained(**PAST)
    dialled = trained(**PAST, least_probability=0.55)
    forget = np.arange(12)

    assert plain.record.training.reason == dialled.record.training.reason == "aim reached"
    assert plain.record.strength == 1
    assert probability(plain.apply(tiny_base()), forget) < 0.5
    assert dialled.record.tensors == plain.record.tensors
    assert 0 < dialled.record.strength < 1
    assert 0.55 <= probability(dialled.apply(tiny_base()), forget) <= 0.6


def test_a_strength_of_ones_own_and_a_run_cut_short_are_left_alone() -> None:
    assert trained(**PAST, least_probability=0.55, plan={"strength": 0.9}).record.strength == 0.9
