"""A session: what each action does, that nothing is lost, and that going back is exact."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lorasteer.errors import (
    DataError,
    Interrupted,
    PlanError,
    RequestError,
    SessionError,
    StoreError,
    TrainingDiverged,
    WeightsError,
)
from lorasteer.records import Event, Target
from lorasteer.session import Session, Workbench
from lorasteer.session.past import AT_HAND
from lorasteer.store import RunStore
from lorasteer.tasks.training import Progress
from tests.support.digits import bench, digits, small_base
from tests.support.errors import refuses
from tests.support.sessions import actions, again, begin, bits, events, forgotten, quick


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with one iteration."""
    made = begin(tmp_path)
    made.start(quick())
    return made


def test_a_round_is_kept_whole(tmp_path: Path) -> None:
    session = begin(tmp_path, name="a try", actor="me")
    assert (session.state, session.head, session.allowed) == ("idle", 0, ("start", "goal", "stop"))
    made = session.start(quick(), why="they asked for it")
    assert (session.state, session.head, made.number, made.parent, made.action) == ("reviewing", 1, 1, 0, "unlearn")
    assert (made.note, made.interrupted, made.change.training.reason) == ("they asked for it", False, "finished")
    assert made == session.current == session.store.iteration(session.id)
    assert [(event.action, event.actor, event.detail["state"]) for event in events(session)] == [
        ("begin", "me", "idle"),
        ("start", "me", "unlearning"),
        ("finished", "lorasteer", "evaluating"),
        ("finished", "lorasteer", "reviewing"),
    ]
    assert session.store.load(session.id).name == "a try"
    assert session.store.verify() == []


def test_continue_goes_on_as_if_never_ended(session: Session) -> None:
    after = session.continue_()
    assert (after.parent, after.action, session.head) == (1, "continue", 2)
    assert after.plan.because[-1] == "Goes on from iteration 1 with the state of its training."
    assert after.change.training.steps == 2 * session.iterations[0].change.training.steps
    whole = bench().unlearn(bench().translate(quick(settings={"epochs": 2})))
    assert session.change is not None
    assert session.change.record.tensors == whole.record.tensors


def test_continue_after_undo_is_never_having_gone_on(session: Session) -> None:
    session.continue_()
    gone = bits(session)
    session.continue_()
    assert session.undo() == 2
    assert session.undo() == 1
    again = session.continue_()
    assert (again.number, again.parent) == (4, 1)
    assert bits(session) == gone
    assert session.history.children(1) == (2, 4)


def test_two_sessions_of_one_script_are_equal_to_the_bit(tmp_path: Path) -> None:
    def script(folder: str) -> list[tuple[str, str]]:
        session, seen = begin(tmp_path / folder), []
        for act in (
            lambda: session.start(quick()), session.continue_, lambda: session.adjust(quick(intensity=0.75)), session.undo,
            lambda: session.commit(0.5), lambda: session.combine(1, 3),
        ):  # fmt: skip
            act()
            seen.append(bits(session))
        return seen

    first, second = script("one"), script("two")
    assert first == second
    assert len(set(first)) == 5  # undo shows what was seen before; a commit has the same numbers at another strength


@pytest.mark.parametrize(
    ("request_", "because"),
    [
        (quick(intensity=0.75), "Goes on from iteration 1 with a fresh optimiser."),
        (quick(method="lora-masked-kl"), "Goes on from iteration 1 with a fresh optimiser."),
        (quick(intensity=0.25), "Begins anew: less is asked for (intensity 0.25) than was done (0.5)."),
        (quick(target=Target(classes=("3",))), "Begins anew: the target is another."),
        (quick(aim="match-unseen"), "Begins anew: the aim or the seed is another."),
        (quick(seed=3), "Begins anew: the aim or the seed is another."),
        (
            quick(settings={"rank": 4}),
            "Begins anew: 'lora-ihl' cannot go on from iteration 1, it adapts fc2, fc3 at rank 4, alpha 8, "
            "and the change so far fc2, fc3 at rank 8, alpha 16.",
        ),
        (
            quick(method="gradient-ascent", settings={"retain": 0}),
            "Begins anew: 'gradient-ascent' cannot go on from iteration 1, it trains weights, "
            "and the change so far is an adapter.",
        ),
    ],
)
def test_adjust_says_whether_it_goes_on_or_begins_anew(session: Session, request_: Any, because: str) -> None:
    made = session.adjust(request_)
    assert made.plan.because[-1] == because
    assert (made.parent, made.action) == (1, "adjust")
    anew = begin(session.store.root.parent / "other").start(request_)
    assert (made.change.tensors == anew.change.tensors) == because.startswith("Begins anew")


def test_adjust_on_the_base_begins_there(session: Session) -> None:
    first = bits(session)
    session.undo()
    made = session.adjust(quick())
    assert (made.parent, made.action) == (0, "adjust")
    assert bits(session) == first


def test_go_and_adjust_make_a_branch(session: Session) -> None:
    session.continue_()
    session.go(1)
    session.adjust(quick(intensity=1.0))
    assert session.history.leaves == (2, 3)
    session.go(0)
    assert (session.head, session.change, session.current) == (0, None, None)
    session.go(2)
    assert session.history.path(session.head) == (0, 1, 2)


def test_the_dial_shows_what_a_commit_keeps(session: Session) -> None:
    log = actions(session)
    shown = {strength: session.dial(strength) for strength in (0.0, 0.5, 1.0, 1.5)}
    assert actions(session) == log
    assert session.current is not None
    assert shown[1.0] == session.current.evaluations[-1]
    assert shown[0.0].value("forget_accuracy") == session.current.evaluations[0].value("forget_accuracy")
    made = session.commit(0.5)
    assert made.evaluations[-1] == shown[0.5] != shown[1.0]
    assert (made.change.strength, made.change.tensors, made.seconds) == (0.5, session.iterations[0].change.tensors, made.seconds)
    with refuses(WeightsError, "strength 1.6 is outside [0, 1.5]"):
        session.dial(1.6)
    assert session.state == "reviewing"


def test_a_commit_is_gone_on_from_at_its_strength(session: Session) -> None:
    session.commit(0.5)
    dialled = forgotten(session.iterations[-1])
    made = session.continue_()
    assert made.plan.because[-1] == "Goes on from iteration 2 with a fresh optimiser, for it holds no state of training."
    assert made.change.strength == 1
    assert forgotten(made) <= dialled


def test_combine_is_the_sum_of_two_branches(session: Session) -> None:
    session.go(0)
    session.adjust(quick(seed=5))
    made = session.combine(1, 2)
    assert (made.action, made.parent, made.combined, made.change.kind) == ("combine", 1, (1, 2), "adapter")
    weights = [session.past.change(number).merged(small_base()).get_parameter("fc3.weight") for number in (1, 2, 3)]
    base = small_base().model.get_parameter("fc3.weight")
    torch.testing.assert_close(weights[2], weights[0] + weights[1] - base, rtol=1e-5, atol=1e-5)
    with refuses(SessionError, "cannot combine iteration 1 with itself"):
        session.combine(1, 1)
    with refuses(SessionError, "there is no iteration 9 with a change"):
        session.combine(1, 9)
    with refuses(SessionError, "cannot continue iteration 3", "adapter rank 16 is larger than layer 'fc3' allows (10)"):
        session.continue_()
    assert session.state == "reviewing"


def test_interrupt_keeps_what_was_trained_and_may_be_gone_on_from(tmp_path: Path) -> None:
    session, long = begin(tmp_path), quick(settings={"epochs": 50, "stop_at": None})
    told: list[int] = []

    def press(message: Event | Progress) -> None:
        if isinstance(message, Progress):
            told.append(message.step)
            if message.step == 5:
                other = threading.Thread(target=session.interrupt)
                other.start()
                other.join()

    session.listeners.append(press)
    made = session.start(long)
    assert made.interrupted
    assert (made.change.training.reason, made.change.training.steps, told[-1]) == ("stopped", 5, 5)
    assert actions(session)[-2:] == ["interrupt", "finished"]
    assert session.change is not None
    assert session.change.layers == ("fc2", "fc3")
    session.listeners.clear()
    whole = bench().unlearn(bench().translate(quick(settings={"epochs": 50, "stop_at": None})))
    assert session.continue_().change.tensors == whole.record.tensors


def test_interrupt_before_the_first_step_leaves_the_head_where_it_was(tmp_path: Path) -> None:
    """On a bench that remembers nothing yet, the examples go through the frozen part first."""
    session = Session.begin(Workbench(small_base(), digits()), RunStore(tmp_path / "store"))
    session.listeners.append(lambda message: session.interrupt() if getattr(message, "action", "") == "start" else None)
    with refuses(Interrupted, "examples went through the frozen part", "Do the same again to go on"):
        session.start(quick())
    assert (session.state, session.head, actions(session)[-1]) == ("reviewing", 0, "failed")
    session.listeners.clear()
    assert session.adjust(quick()).number == 1


def test_interrupt_is_refused_while_nothing_is_trained(session: Session) -> None:
    with refuses(SessionError, "cannot interrupt now: the session is reviewing", "Possible now: continue, adjust"):
        session.interrupt()


def test_a_training_that_diverges_leaves_the_head_where_it_was(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(optimizer: torch.optim.AdamW) -> None:
        with torch.no_grad():
            optimizer.param_groups[0]["params"][0].fill_(torch.nan)

    before = bits(session)
    with monkeypatch.context() as patched:
        patched.setattr("torch.optim.AdamW.step", spoil)
        with pytest.raises(TrainingDiverged, match="Lower the learning rate"):
            session.continue_()
    assert (session.state, session.head, bits(session)) == ("reviewing", 1, before)
    failed = events(session)[-1]
    assert (failed.action, failed.actor, failed.detail["kind"]) == ("failed", "lorasteer", "TrainingDiverged")
    assert "Lower the learning rate" in str(failed.detail["error"])
    assert session.continue_().number == 2


@pytest.mark.parametrize(
    ("break_", "error"),
    [
        (lambda session: session.adjust(quick(settings={"rank": 99})), PlanError),
        (lambda session: session.adjust(quick(settings={"layers": ("nowhere",)})), PlanError),
    ],
    ids=["rank", "layers"],
)
def test_what_the_work_refuses_is_kept_as_an_error(session: Session, break_: Callable[[Session], Any], error: type) -> None:
    with pytest.raises(error):
        break_(session)
    assert (session.state, session.head, len(session.iterations)) == ("reviewing", 1, 1)
    assert session.continue_().parent == 1


def test_a_request_that_cannot_be_translated_changes_nothing(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with refuses(RequestError, "unknown class '77'"):
        session.start(quick(target=Target(classes=("77",))))
    with refuses(PlanError, "has no setting 'speed'"):
        session.start(quick(settings={"speed": 1}))
    assert (session.state, actions(session)) == ("idle", ["begin"])


def test_a_listener_that_breaks_costs_nothing_but_itself(session: Session) -> None:
    heard: list[str] = []

    def breaks(message: Event | Progress) -> None:
        raise ZeroDivisionError("no picture")

    session.listeners += [breaks, lambda message: heard.append(type(message).__name__)]
    with pytest.warns(UserWarning, match="a listener broke and is told no more: ZeroDivisionError: no picture"):
        session.continue_()
    assert len(session.listeners) == 1
    assert heard[0] == "Event"
    assert heard.count("Progress") == session.iterations[0].change.training.steps
    assert heard[-2:] == ["Event", "Event"]


def test_ctrl_c_ends_the_work_and_not_the_session(session: Session) -> None:
    def press(message: Event | Progress) -> None:
        if isinstance(message, Progress):
            raise KeyboardInterrupt

    session.listeners.append(press)
    with pytest.raises(KeyboardInterrupt):
        session.continue_()
    assert (session.state, session.head, actions(session)[-1]) == ("reviewing", 1, "failed")


def test_a_full_disk_loses_only_the_iteration_that_did_not_fit(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = RunStore.move

    def full(*args: Any, **rest: Any) -> None:
        raise StoreError("the disk is full.")

    def full_in_the_end(store: RunStore, run: str, *, action: str, **rest: Any) -> Event | None:
        return full() if action == "failed" else moving(store, run, action=action, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(RunStore, "add_iteration", full)
        patched.setattr(RunStore, "move", full_in_the_end)
        with pytest.raises(StoreError, match="the disk is full"):
            session.continue_()
    assert (session.state, session.head, len(session.iterations)) == ("reviewing", 1, 1)
    assert session.store.load(session.id).state == "evaluating"
    opened = again(session)
    assert (opened.state, opened.head, actions(opened)[-1]) == ("reviewing", 1, "recovered")
    assert opened.continue_().number == 2


@pytest.mark.parametrize("state", ["unlearning", "evaluating"])
def test_a_session_whose_process_died_opens_at_its_last_iteration(session: Session, state: str) -> None:
    before = bits(session)
    session.store.move(session.id, state=state, actor="me", action="continue")
    opened = again(session)
    assert (opened.state, opened.head, bits(opened)) == ("reviewing", 1, before)
    last = events(opened)[-1]
    assert (last.action, last.actor, last.detail["was"]) == ("recovered", "lorasteer", state)
    assert opened.store.verify() == []


def test_two_sessions_on_one_run_are_refused_until_the_first_is_closed_or_gone(tmp_path: Path) -> None:
    session = begin(tmp_path)
    run, store = session.id, session.store
    with refuses(StoreError, f"run {run} is steered by another session of this process", "close()"):
        Session.open(bench(), RunStore(store.root), run)
    other = Session.begin(bench(), RunStore(store.root))  # another run of the same store may be steered meanwhile
    other.start(quick())
    session.close()
    opened = Session.open(bench(), store, run)
    opened.start(quick())
    del opened
    gc.collect()
    assert Session.open(bench(), store, run).current is not None


def test_opened_again_it_is_what_it_was(session: Session) -> None:
    session.continue_()
    session.commit(0.5)
    session.undo()
    seen = bits(session)
    opened = again(session)
    assert (opened.iterations, opened.history, opened.state) == (session.iterations, session.history, "reviewing")
    assert bits(opened) == seen
    assert opened.report(2) == session.report(2)
    assert opened.continue_().number == 4


def test_a_closed_session_can_be_read_and_nothing_else(session: Session) -> None:
    session.stop(why="good enough")
    assert (session.state, session.allowed) == ("closed", ())
    with refuses(SessionError, "cannot continue now: the session is closed", "begin or open another one"):
        session.continue_()
    opened = again(session)
    assert opened.state == "closed"
    assert opened.report().after == 1
    assert opened.change is not None


def test_another_base_or_other_data_is_refused(session: Session) -> None:
    other = replace(small_base(), model=small_base().copy())
    with torch.no_grad():
        other.model.get_parameter("fc2.bias")[0] += 1
    session.close()
    with refuses(WeightsError, f"run {session.id} was begun on base", "open it with the base it was begun on"):
        Session.open(Workbench(other, digits()), session.store, session.id)
    fewer = replace(digits(), test=replace_rows(digits().test))
    with refuses(DataError, f"run {session.id} was begun on data", "open it with the data it was begun on"):
        Session.open(Workbench(small_base(), fewer), session.store, session.id)


def replace_rows(part: Any) -> Any:
    """The part without its last example."""
    return replace(part, images=part.images[:-1], labels=part.labels[:-1], ids=part.ids[:-1], attributes={})


def test_retrained_models_are_asked_for_once_and_compared_with(tmp_path: Path) -> None:
    asked: list[str] = []

    def retrained(splits: Any) -> list[Any]:
        asked.append(splits.digest)
        return [bench().retrain(splits, seed=seed) for seed in (1000, 1001)]

    session = begin(tmp_path, retrained=retrained)
    first = session.start(quick())
    second = session.continue_()
    assert asked == [first.splits]
    assert len(second.evaluations) == 4
    assert second.floor["kl_to_retrained_forget"][2] == 1
    assert session.dial(0.5).value("kl_to_retrained_forget") is not None
    floors = {d.name: d.floor for d in session.report().differences}
    assert floors["kl_to_retrained_forget"] == pytest.approx(second.floor["kl_to_retrained_forget"][1])


def test_what_is_no_longer_at_hand_is_read_again(session: Session) -> None:
    shown = session.dial(0.5)
    for step in range(AT_HAND + 1):
        session.commit(step / 10)
    assert 1 not in session.past.change.held
    assert len(session.past.outputs.held) == AT_HAND
    session.go(1)
    assert session.dial(0.5) == shown
    assert session.report(1).after == 1


def test_a_file_of_ids_that_has_changed_is_noticed(tmp_path: Path) -> None:
    path, ids = tmp_path / "ids.txt", digits().train.ids[:40].tolist()
    path.write_text("\n".join(ids))
    session = begin(tmp_path)
    session.start(quick(target=Target(ids_file=str(path))))
    path.write_text("\n".join(ids[20:]))
    with refuses(SessionError, "iteration 1 was made on splits", "or a file of ids, has changed"):
        again(session).continue_()
