"""Direct preference optimisation towards a refusal or another answer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import unlearn
from lorasteer.methods.preference.dpo import OtherAnswer, OtherAnswerSettings
from tests.support.batches import tokens
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_material, tiny_plan, tiny_text


def test_loss_worked_by_hand() -> None:
    """Forgotten: 1/4 where the base had 1/2; wanted: 1/2 where it had 1/4. Beta 1: -2 log sigmoid(2 ln 2) = 2 ln(5/4)."""
    other = tokens([[0.5, 0.5]], [1], reference=[[0.75, 0.25]])
    given = tokens([[0.25, 0.75]], [0], reference=[[0.5, 0.5]], alternative=other)
    assert OtherAnswer(OtherAnswerSettings(beta=1.0)).token_loss(given).tolist() == pytest.approx([2 * math.log(5 / 4)])


def test_wrong_answers_of_the_same_form_are_asked_of_the_data() -> None:
    """Data without such answers is refused with the way out; data with them is learned from."""
    material = tiny_material()
    bare = replace(tiny_text(), train=replace(tiny_text().train, perturbed=None))
    without = replace(material, inputs=replace(material.inputs, data=bare))
    settings = {"alternative": "perturbed", "epochs": 1, "retain": 6}
    with refuses(PlanError, "method 'dpo' gives another answer to each question", "perturbed"):
        unlearn(without, tiny_plan("dpo", **settings))
    assert unlearn(material, tiny_plan("dpo", **settings)).record.training.steps > 0


def test_an_unknown_alternative_is_refused() -> None:
    with refuses(PlanError, "setting of 'dpo': alternative"):
        unlearn(tiny_material(), tiny_plan("dpo", alternative="silence"))
