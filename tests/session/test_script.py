"""Scripts run on the engine a person uses: same log, same digests each time, and what is done is not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel

from lorasteer.errors import SessionError, StoreError
from lorasteer.records import Event
from lorasteer.session import Session
from lorasteer.session.rehearsal import steps_of
from lorasteer.session.script import Played, done_already, play
from lorasteer.session.steps import AnyStep
from tests.support.digits import bench
from tests.support.sessions import QUICK, actions, again, begin, events, forgotten

START = {"action": "start", "forget": "7", "settings": QUICK, "why": "a customer asked"}
TOUR: list[dict[str, Any]] = [
    START, {"action": "continue"}, {"action": "adjust", "intensity": 0.9}, {"action": "undo"}, {"action": "go", "number": 1},
    {"action": "adjust", "intensity": 0.7}, {"action": "strength", "strength": 0.5}, {"action": "commit"},
    {"action": "combine", "one": 2, "other": 4}, {"action": "compare", "before": 0, "after": 5},
    {"action": "export", "folder": "out", "number": 5}, {"action": "stop"},
]  # fmt: skip


def played(session: Session, tables: list[dict[str, Any]], folder: Path) -> list[Played]:
    return list(play(session, steps_of(tables), folder=folder))


def test_every_step_is_done_and_logged(tmp_path: Path) -> None:
    session = begin(tmp_path, actor="script")
    told = played(session, TOUR, tmp_path)
    assert [one.action for one in told] == [step["action"] for step in TOUR]
    assert session.state == "closed"
    assert [one.made for one in told if one.made] == [1, 2, 3, 4, 5, 6]
    assert session.history.parents == {1: 0, 2: 1, 3: 2, 4: 1, 5: 4, 6: 2}
    assert session.iterations[4].change.strength == 0.5
    assert told[6].values == {m.name: m.value for m in session.iterations[4].evaluations[-1].measurements} | _seconds(told[6])
    assert session.iterations[0].note == "a customer asked"
    assert {event.actor for event in events(session)} == {"script", "lorasteer"}
    assert told[9].words
    PeftModel.from_pretrained(bench().base.view(), tmp_path / "out")
    assert (tmp_path / "out" / "report.md").is_file()


def _seconds(played: Played) -> dict[str, float | None]:
    return {name: value for name, value in played.values.items() if "seconds" in name}


def test_two_runs_give_the_same_digests(tmp_path: Path) -> None:
    digests = [[one.tensors for one in played(begin(tmp_path / name), TOUR, tmp_path / name)] for name in ("one", "two")]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 5  # continue and undo come back to the same numbers, as do the steps that only look


def test_nothing_runs_where_a_later_step_is_impossible(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with pytest.raises(SessionError, match=r"step 3 \(continue\)"):
        played(session, [START, {"action": "undo"}, {"action": "continue"}], tmp_path)
    assert actions(session) == ["begin"]


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_a_cut_off_script_goes_on_and_ends_alike(tmp_path: Path, cut: int) -> None:
    whole = played(begin(tmp_path / "whole"), TOUR, tmp_path)
    steps, session = steps_of(TOUR), begin(tmp_path / "cut")
    for one in play(session, steps, folder=tmp_path):
        if one.step == cut:
            break
    session = again(session)
    rest = list(play(session, steps, folder=tmp_path))
    assert rest[0].step == (cut + 1 if TOUR[cut - 1]["action"] != "strength" else cut)
    assert [one.tensors for one in rest] == [one.tensors for one in whole[rest[0].step - 1 :]]


@pytest.mark.parametrize("done", [0, 1])
def test_a_step_that_was_broken_off_is_done_again(tmp_path: Path, done: int) -> None:
    session, steps = begin(tmp_path), steps_of(TOUR[:2])

    def break_off(_: object) -> None:
        raise KeyboardInterrupt

    running = play(session, steps, folder=tmp_path)
    for _ in range(done):
        next(running)
    session.listeners.append(lambda told: break_off(told) if hasattr(told, "loss") else None)
    with pytest.raises(KeyboardInterrupt):
        next(running)
    session.listeners.clear()
    assert actions(session)[-1] == "failed"
    assert [one.step for one in play(session, steps, folder=tmp_path)] == [1, 2][done:]
    assert [iteration.action for iteration in session.iterations] == ["unlearn", "continue"]


def test_a_run_that_was_steered_otherwise_is_not_taken_over(tmp_path: Path) -> None:
    session = begin(tmp_path)
    played(session, [START, {"action": "undo"}], tmp_path)
    with pytest.raises(SessionError, match="step 2 is 'continue', but event 5 of the log is 'undo'"):
        done_already(steps_of([START, {"action": "continue"}]), events(session))
    with pytest.raises(SessionError, match="no further step, but event 5"):
        done_already(steps_of([START]), events(session))


def test_a_commit_takes_the_strength_that_was_dialled(tmp_path: Path) -> None:
    session = begin(tmp_path)
    steps = [START, {"action": "strength", "strength": 0.25}, {"action": "commit"}, {"action": "commit"}]
    *_, first, second = played(session, steps, tmp_path)
    assert (first.strength, second.strength) == (0.25, 0.25)


def test_an_export_never_replaces_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(StoreError, match=r"notes\.txt"):
        played(begin(tmp_path), [START, {"action": "export", "folder": "mine"}], tmp_path)


def test_a_line_says_what_is_in_force() -> None:
    assert Played(step=3, action="undo", state="reviewing", head=0).line == "step 3 undo: the base is in force"
    line = Played(step=4, action="strength", state="reviewing", head=2, strength=0.5, values={"forget_accuracy": 0.25}).line
    assert line == "step 4 strength: iteration 2 is in force; at strength 0.5: forget accuracy 25.00%"


def test_steps_that_the_log_does_not_know_are_counted_with_the_next_one(tmp_path: Path) -> None:
    session = begin(tmp_path)
    steps: tuple[AnyStep, ...] = steps_of([START, {"action": "strength", "strength": 1}, {"action": "undo"}])
    next(play(session, steps, folder=tmp_path))
    assert done_already(steps, events(session)) == 1
    session.undo()
    assert done_already(steps, events(session)) == 3


HOPELESS = {"epochs": 1, "learning_rate": 1e-6, "retain": 50}
SEARCH: list[dict[str, Any]] = [
    {"action": "goal", "forget": "7", "settings": HOPELESS, "tries": 3, "seconds": 3600, "why": "half a per cent is enough"},
    {"action": "go", "number": 1}, {"action": "commit", "strength": 0.5},
    {"action": "goal", "settings": {}, "tries": 2, "seconds": 3600, "retain_loss_at_most": 0.05},
    {"action": "stop"},
]  # fmt: skip


def test_a_goal_is_a_step(tmp_path: Path) -> None:
    session = begin(tmp_path)
    first, *_, second, _ = played(session, SEARCH, tmp_path)
    assert first.words[0].startswith("The goal was not reached: the tries were used up after 3 trainings")
    assert first.values["forget_accuracy"] == forgotten(session.past[first.head])
    assert first.line.startswith(f"step 1 goal: iteration {first.head} is in force: The goal was not reached")
    assert second.words[0].startswith("The goal is reached by")
    ends = [place for place, action in enumerate(actions(session)) if action == "found"]
    assert len(ends) == 2
    assert actions(session)[: ends[0]].count("goal") == 3
    assert events(session)[1].why.startswith("half a per cent is enough; on the way to a goal: at most 1.0 %")


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 9, 12])
def test_a_search_that_was_cut_off_goes_on_with_the_tries_that_are_left(tmp_path: Path, cut: int) -> None:
    """Cut off after so many iterations were kept or tries begun: what is done is not done again, and all ends alike."""
    whole = begin(tmp_path / "whole")
    expected = played(whole, SEARCH, tmp_path)
    session, seen = begin(tmp_path / "cut"), 0

    def break_off(told: object) -> None:
        nonlocal seen
        seen += isinstance(told, Event) and told.action in ("goal", "go", "commit", "finished")
        if seen == cut:
            raise KeyboardInterrupt

    session.listeners.append(break_off)
    with pytest.raises(KeyboardInterrupt):
        played(session, SEARCH, tmp_path)
    session = again(session)
    rest = played(session, SEARCH, tmp_path)
    assert [one.tensors for one in rest] == [one.tensors for one in expected[len(expected) - len(rest) :]]
    assert tensors_of(session) == tensors_of(whole)


def tensors_of(session: Session) -> list[tuple[str, float]]:
    """Numbers of every iteration, with their strength."""
    return [(iteration.change.tensors, iteration.change.strength) for iteration in session.iterations]
