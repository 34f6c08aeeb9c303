"""A finished change is set to the strength at which the forget set lies in the band."""

from __future__ import annotations

import numpy as np
import pytest

from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_dialling import into_band
from lorasteer.methods.text_pools import make_text_pools
from lorasteer.methods.text_source import Asker, Source
from lorasteer.methods.text_stopping import goal_of
from tests.methods.test_text_procedure import probability, trained
from tests.support.tiny_text import tiny_base, tiny_material, tiny_plan

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


def test_what_was_forgotten_too_little_is_turned_up_a_little() -> None:
    """The looks of the training found a few easy examples; all of them lie above the band."""
    material, plan = tiny_material(), tiny_plan()
    change = trained(**PAST)
    half = change.at(0.6)
    source, asker = Source(material, material.before(())), Asker(material.network(), 0)
    there = probability(change.apply(tiny_base(), strength=0.8), np.arange(12))
    settings = TextAdapterSettings(forget_probability=1.03 * there, least_probability=0.97 * there)
    goal = goal_of(source, make_text_pools(material, plan, settings), plan, settings, lambda text: asker.hidden([text])[0])

    assert goal is not None
    assert into_band(half, goal, asker).record.strength == pytest.approx(0.8, abs=0.03)
    assert into_band(change.at(0.8), goal, asker).record.strength == 0.8


def test_a_strength_of_ones_own_and_a_run_cut_short_are_left_alone() -> None:
    assert trained(**PAST, least_probability=0.55, plan={"strength": 0.9}).record.strength == 0.9
