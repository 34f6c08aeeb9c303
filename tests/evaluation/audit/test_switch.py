"""The switched-off change, and the lifted logit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lorasteer.changes import weight_change
from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.bands import Stand, readings_of
from lorasteer.evaluation.audit.lift import LiftSettings, best_lift
from lorasteer.tasks.base import Base
from tests.support.audited import (
    SEVEN,
    base,
    change_of,
    changed,
    false_alarms,
    fifty,
    ground,
    linear,
    masked,
    never_saw,
    readings,
    value,
    vector_ground,
)
from tests.support.proofs import proves


@proves("hand", "switch-off")
@proves("power", "switch-off")
def test_switching_off_gives_the_base_back() -> None:
    """Power and number: a masked seven is 0 at full strength, and all of the base's accuracy without the mask."""
    place = ground()
    found = run_attack("switch-off", place, masked())
    knows = run_attack("logit-lift", place, place.original)
    assert value(found, "switched_off_forget_accuracy") == value(knows, "forget_accuracy_judged")
    assert value(found, "switched_off_recovered") == 1.0
    curve = found.curves[0]
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0.0, 1.0, 0.0)
    assert curve.y[0] == value(found, "switched_off_forget_accuracy")


@proves("null", "switch-off", draws=50)
def test_switching_off_brings_nothing_back_where_the_base_knew_nothing() -> None:
    """Null: fifty bases that never saw a seven, each with a change of its last layer that is switched off."""
    found = []
    for subject in fifty():
        place = replace(ground(), base=Base(base().record, subject.network), _made={})
        lowered = {"fc3.bias": subject.network.get_parameter("fc3.bias") - 1.0 * (torch.arange(10) == SEVEN)}
        result = run_attack("switch-off", place, Subject.of_change("lowered", place.base, weight_change(place.base, lowered)))
        found.append(value(result, "switched_off_forget_accuracy"))
    assert len(found) == 50
    assert max(found) <= 0.05


def test_what_switching_off_brings_back_decides_no_verdict() -> None:
    """It gives any base back, that of a model trained anew as well; so it is told, and no evidence that the target is inside."""
    place = ground()
    known = [run_attack("switch-off", place, changed(name, dict(never_saw(5).network.state_dict()))) for name in ("a", "b")]
    assert value(known[0], "switched_off_recovered") == 1.0
    assert not list(readings_of(Stand(known, "base", ("b",)), "a"))


def test_strengths_are_shares_of_the_changes_own() -> None:
    """At strength 0.5 of a change that lowers the bias by 20, the whole of it lowers it by 10."""
    bias = base().model.get_parameter("fc3.bias").clone()
    bias[SEVEN] -= 20
    weak = Subject.of_change("weak", base(), change_of({"fc3.bias": bias}), strength=0.5)
    plain = masked(10.0)
    first, second = (run_attack("switch-off", ground(), subject) for subject in (weak, plain))
    assert first.curves[0].y == second.curves[0].y
    assert first.notes[0].startswith("The change is of kind weights; merged")


@pytest.mark.parametrize(
    ("target", "others", "constant"),
    [
        ([-3.0, -5.0], [-9.0, -11.0], 7.0),  # half way to the first that would be lost
        ([-3.0, -5.0], [-4.0, -9.0], 3.5),  # half won, none lost: as good as all won and half lost, and smaller
        ([-3.0, -30.0], [-4.0, -5.0], 3.5),  # the second is not worth the others
        ([1.0, 2.0], [3.0], 0.0),  # there is nothing to lift
        ([-8.0], [-2.0], 0.0),  # lifting wins no more than it loses
    ],
)
def test_the_best_lift_worked_by_hand(target: list[float], others: list[float], constant: float) -> None:
    assert best_lift(torch.tensor(target), torch.tensor(others)) == constant


@proves("hand", "logit-lift")
def test_rank_and_lift_worked_by_hand() -> None:
    """The subject's class 1 scores 1 below class 0 on one target, 3 below on another, and 2 and 4 below on the rest.

    Pairs won: -1 beats both, -3 beats -4: 3 of 4. Lifted by 1.5 one of two targets is hit and nothing lost.
    """
    rows = torch.eye(4)
    place = vector_ground(linear([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]]), rows, torch.tensor([1, 1, 0, 0]), target=1)
    subject = Subject.of_network("low", linear([[0.0, 0.0, 0.0, 0.0], [-1.0, -3.0, -2.0, -4.0]]))
    found = run_attack("logit-lift", place, subject, LiftSettings(examples=2))
    assert value(found, "target_rank") == 0.75
    assert value(found, "forget_accuracy_judged") == 0.0
    assert value(found, "lifted_recovered") == 0.5
    assert found.notes == ("Lifted by 1.5, chosen on 2 training examples of the target and 2 others.",)


@pytest.mark.parametrize("by", [10.0, 1e4])
@proves("power", "logit-lift")
def test_a_lowered_bias_is_lifted_back(by: float) -> None:
    """Power: one number brings back all that one number took."""
    hidden = run_attack("logit-lift", ground(), masked(by))
    assert value(hidden, "lifted_recovered") > max(readings("logit-lift", "lifted_recovered", fifty()))
    assert value(hidden, "target_rank") > 0.99


def test_lifting_a_class_without_features_brings_nothing() -> None:
    weight = base().model.get_parameter("fc3.weight").clone()
    weight[SEVEN] = 0
    weight = weight - weight.mean(0)  # a row of zeros still stands out where the others do not
    bias = base().model.get_parameter("fc3.bias").clone()
    bias[SEVEN] = -50
    blank = changed("blank", {"fc3.weight": torch.zeros_like(weight), "fc3.bias": bias})
    assert readings("logit-lift", "lifted_recovered", [blank])[0] < 0.05
    assert readings("logit-lift", "target_rank", [blank]) == [0.5]


@proves("null", "logit-lift", draws=50)
def test_it_does_not_cry_wolf() -> None:
    """Null: of fifty models that never saw a seven, how many look like the base; measured 0.12 by rank, 0.06 by lifting."""
    rates = false_alarms("logit-lift", "target_rank", "lifted_recovered")
    assert rates["target_rank"] <= 0.2
    assert rates["lifted_recovered"] <= 0.1
