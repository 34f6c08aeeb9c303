"""Forget one target, then another, then take back only the first: each step leaves the others where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lorasteer.changes import AdapterChange, ComposedChange, parts_of
from lorasteer.errors import SessionError
from lorasteer.export import adapter_difference
from lorasteer.records import Target
from lorasteer.session import Session
from lorasteer.session.script import take_away
from lorasteer.session.sequence import effects
from tests.support.digits import SEVEN, bench, digits, request, small_base
from tests.support.errors import refuses
from tests.support.sessions import THREE, again, begin, bits, quick

SEVENS, THREES = "class 7", "class 3"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """1 forgets the sevens, 2 the threes as well, 3 takes back the sevens, 4 (from 2) takes back the threes."""
    made = begin(tmp_path_factory.mktemp("sequence"))
    made.start(request(intensity=0.75))
    made.also(request(target=THREE, intensity=0.75), why="and these")
    made.drop(1)
    made.go(2)
    made.drop(2)
    made.go(3)
    return made


def recognised(session: Session, number: int) -> dict[str, float]:
    """Accuracy on the test examples of each digit at an iteration, by the full forward pass."""
    data, change = digits().test, session.past.change(number)
    model = change.merged(small_base())
    with torch.no_grad():
        said = model(bench().inputs.batch("test", torch.arange(len(data)).numpy())).argmax(-1).numpy()
    return {str(digit): float((said == data.labels)[data.labels == digit].mean()) for digit in range(10)}


def test_both_are_forgotten_and_one_is_taken_back(session: Session) -> None:
    first, both, threes, sevens = (recognised(session, number) for number in (1, 2, 3, 4))
    assert (first["7"], both["7"], both["3"]) == (0, 0, 0)
    assert first["3"] > 0.8
    assert threes["3"] < 0.1
    assert threes["7"] > 0.8
    assert sevens["7"] == first["7"]
    for found in (first, both, threes, sevens):
        assert sum(value for digit, value in found.items() if digit not in "37") / 8 > 0.9


def test_the_record_of_the_second_says_what_lies_beneath_it(session: Session) -> None:
    second = session.past[2]
    assert (second.action, second.beneath, second.note, second.change.kind) == ("also", (1,), "and these", "composed")
    assert second.plan.because[-1].startswith("On top of class 7, forgotten already")
    splits, first = session.past.translation(2).splits, session.past.translation(1).splits
    assert not set(splits.retain) & set(first.forget)
    assert not set(splits.retain_test) & set(first.forget_test)
    assert (second.sizes["forget"], second.sizes["retain"]) == (len(splits.forget), len(first.retain) - len(splits.forget))
    assert second.seconds > 0


def test_to_take_one_back_is_to_be_left_with_the_other_to_the_bit(session: Session) -> None:
    whole = session.past.change(2)
    assert isinstance(whole, ComposedChange)
    one, other = parts_of(whole)
    assert isinstance(one, AdapterChange)
    assert (session.past.change(4).record.tensors, session.past.change(3).record.tensors) == (
        one.record.tensors,
        other.record.tensors,
    )
    assert one.record.tensors == session.past.change(1).record.tensors
    assert (session.past[3].plan.method, session.past[3].beneath, session.past[3].wording) == ("lora-ihl", (), THREES)
    assert session.past[3].plan.because[-1] == "Without class 7, which is remembered again."


def test_effects_are_those_of_the_full_forward_pass(session: Session) -> None:
    found = effects(session.past)
    assert [(step.number, step.action) for step in found.steps] == [(0, "base"), (1, "unlearn"), (2, "also"), (3, "drop")]
    assert [[target.forgotten for target in step.targets] for step in found.steps] == [
        [False, False],
        [True, False],
        [True, True],
        [False, True],
    ]
    assert [target.wording for target in found.steps[0].targets] == [SEVENS, THREES]
    for step in found.steps[1:]:
        wanted = recognised(session, step.number)
        assert [target.test.value for target in step.targets] == pytest.approx([wanted["7"], wanted["3"]])
    labels = digits().test.labels
    held_out = len(labels) - sum(session.past[1].sizes[part] for part in ("forget_test", "retain_test"))
    assert held_out == 0
    assert found.steps[0].retained.n == int(((labels != 7) & (labels != 3)).sum())


def test_effects_in_words(session: Session) -> None:
    words = session.effects().words
    assert len(words) == 3
    assert words[0].startswith("iteration 1 (unlearn): class 7 (forgotten) falls from ")
    assert "class 7 (forgotten) stays at 0.0%" in words[1]
    assert "class 3 (forgotten) falls from " in words[1]
    assert "class 7 (not asked to be forgotten) rises from 0.0% to " in words[2]
    assert "class 3 (forgotten) stays at " in words[2]
    assert all("the rest " in line and line.endswith(".") for line in words)


def test_the_second_goes_on_with_the_first_in_force(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(request(intensity=0.75))
    session.also(quick(target=THREE))
    beneath = parts_of(session.past.change(2))[0].record.tensors
    after = session.continue_()
    assert (after.beneath, after.parent, after.change.training.steps) == ((1,), 2, 2 * session.past[2].change.training.steps)
    assert parts_of(session.past.change(3))[0].record.tensors == beneath
    gone = bits(session)
    session.undo()
    session.continue_()
    assert bits(session) == gone
    session.adjust(quick(target=THREE, intensity=0.75))
    assert session.past[5].beneath == (1,)
    session.commit(0.5)
    opened = again(session)
    assert opened.past[6].change.strength == 0.5
    assert [part.record.strength for part in opened.past.parts(6)] == [0.5, 0.5]
    opened.drop(1)
    assert opened.change is not None
    assert opened.change.record.strength == 0.5
    assert recognised(opened, 7)["7"] > 0.8


def test_two_branches_of_two_targets_are_put_side_by_side(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(request(intensity=0.75))
    session.adjust(request(target=THREE, intensity=0.75))
    session.combine(1, 2)
    assert (session.past[3].beneath, session.past[3].combined, session.past[3].wording) == ((1,), (1, 2), THREES)
    assert recognised(session, 3)["7"] < 0.1
    assert recognised(session, 3)["3"] < 0.1
    with refuses(SessionError, "cannot combine 3 and 1: both hold the request of 1"):
        session.combine(3, 1)
    session.drop(1)
    assert session.past.change(4).record.tensors == session.past.change(2).record.tensors


def test_only_adapters_are_stacked(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(quick())
    with refuses(SessionError, "cannot forget another target with 'gradient-ascent'", "only adapters add up"):
        session.also(request(target=THREE, method="gradient-ascent"))
    session.adjust(request(method="logit-mask"))
    with refuses(SessionError, "iteration 2 is not an adapter, and only adapters add up"):
        session.also(quick(target=THREE))
    with refuses(SessionError, "cannot drop iteration 2: 2 holds one request only"):
        session.drop(2)
    assert session.state == "reviewing"


def test_what_is_not_in_force_cannot_be_dropped(session: Session) -> None:
    session.go(2)
    with refuses(SessionError, "cannot drop iteration 9: the requests in force are those of 1, 2"):
        session.drop(9)
    session.go(3)


def test_the_base_alone_has_no_effects(tmp_path: Path) -> None:
    with refuses(SessionError, "the head is the untouched base"):
        effects(begin(tmp_path).past)


def test_a_target_asked_for_twice_is_one_target(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(quick())
    session.continue_()
    session.adjust(quick(target=Target(classes=SEVEN.classes), intensity=0.75))
    found = effects(session.past)
    assert [len(step.targets) for step in found.steps] == [1, 1, 1, 1]
    assert all(step.targets[0].forgotten == (step.number > 0) for step in found.steps)


def test_two_targets_leave_the_session_as_one_adapter(session: Session, tmp_path: Path) -> None:
    folder = take_away(session, tmp_path / "out", 2)
    pixels = bench().inputs.batch("test", np.arange(20))
    assert adapter_difference(session.past.change(2), small_base(), folder, pixels) < 1e-4
