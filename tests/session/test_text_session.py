"""A session on a language model: the same actions, the same exactness, and feedback in the model's own words."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from lorasteer.errors import RequestError, SessionError
from lorasteer.records import Evaluation, Event, Measurement, Plan, Request, Target
from lorasteer.session import Budget, Goal, Session
from lorasteer.session.shown_html import page
from lorasteer.session.text_bench import TextBench
from lorasteer.session.text_shifts import _aim_missed
from lorasteer.store import RunStore
from lorasteer.tasks.training import Progress
from tests.support.errors import refuses
from tests.support.sessions import actions, events
from tests.support.text import PERSON, facts, forget_person, text_base, text_bench

ENDLESS = {"stop_at": None, "forget_probability": None}
SECOND = Target(where="person == 'Nilo Ostrand'")


def quick(**values: Any) -> Request:
    """Forget one person in two short epochs that meet no aim."""
    settings = {"epochs": 2, "retain": 20, **ENDLESS, **values.pop("settings", {})}
    return forget_person(**values, settings=settings)


def begin(root: Path, **facts: Any) -> Session:
    return Session.begin(text_bench(), RunStore(root / "store"), **facts)


def again(session: Session) -> Session:
    """The same session, opened as another process would."""
    session.close()
    return Session.open(text_bench(), RunStore(session.store.root), session.id)


def said(session: Session) -> list[torch.Tensor]:
    """Every log-probability that the model in force gives, asked anew by a bench that remembers nothing."""
    change, translation = session.past.change(session.head), session.past.translation(session.head)
    bench = TextBench(text_base(), facts())
    return [part.log_prob for part in bench.outputs(change, translation).parts().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(*pair) for pair in zip(one, other, strict=True))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with one iteration."""
    made = begin(tmp_path)
    made.start(quick())
    return made


def test_a_round_tells_what_went_in_the_models_own_words(session: Session) -> None:
    report, made = session.report(), session.current
    assert made is not None
    assert (session.state, made.action, report.before, report.after) == ("reviewing", "unlearn", 0, 1)
    fell = next(found for found in report.differences if found.name == "forget_probability")
    assert fell.counts
    assert (fell.change or 0) < -0.1
    assert report.words[0].startswith("since the base: forget probability fell from ")
    assert report.classes == ()
    targets, kept = ([one for one in report.examples if one.target is target] for target in (True, False))
    assert (len(targets), len(kept)) == (5, 5)
    assert all(PERSON in one.prompt and PERSON not in other.prompt for one in targets for other in kept)
    moves = [abs(one.sure_after - one.sure_before) for one in targets]
    assert moves == sorted(moves, reverse=True)
    assert any(one.before == one.label != one.after for one in targets + kept)
    assert report.story[len(report.words)] == targets[0].words


def test_shown_answers_are_those_of_the_full_suite(session: Session) -> None:
    """Greedy answers and their probabilities, written for the shown examples alone, are the same as those of all."""
    full, past = TextBench(text_base(), facts(), suite="full"), session.past
    outputs = full.outputs(past.change(1), past.translation(1))
    ids = full._questionnaire(past.translation(1)).parts["forget"].examples.ids.tolist()
    shown = [one for one in session.report().examples if one.id in ids]
    assert shown
    for one in shown:
        place = ids.index(one.id)
        assert one.after == (outputs.forget.written or ())[place]
        assert one.sure_after == pytest.approx(float(outputs.forget.probability[place]), abs=1e-6)


def test_undo_gives_back_every_bit_and_continue_is_never_having_gone_back(session: Session) -> None:
    first = said(session)
    after = session.continue_()
    assert (after.parent, after.plan.because[-1]) == (1, "Goes on from iteration 1 with the state of its training.")
    second = said(session)
    assert not same(first, second)
    assert session.undo() == 1
    assert same(said(session), first)
    reopened = again(session)
    assert same(said(reopened), first)
    assert reopened.continue_().change.tensors == after.change.tensors
    assert same(said(reopened), second)


def test_two_rounds_are_one_of_twice_the_length(session: Session) -> None:
    whole = text_bench().unlearn(text_bench().translate(quick(settings={"epochs": 4})))
    assert session.continue_().change.tensors == whole.record.tensors


def test_interrupt_leaves_a_usable_state_that_is_gone_on_from_as_if_nothing_had_happened(tmp_path: Path) -> None:
    session, told = begin(tmp_path), list[int]()

    def press(message: Event | Progress) -> None:
        if isinstance(message, Progress):
            told.append(message.step)
            if message.step == 3:
                other = threading.Thread(target=session.interrupt)
                other.start()
                other.join()

    session.listeners.append(press)
    made = session.start(quick())
    assert (made.interrupted, made.change.training.reason, told[-1]) == (True, "stopped", 3)
    assert session.dial(0.5).value("forget_probability") is not None
    session.listeners.clear()
    whole = text_bench().unlearn(text_bench().translate(quick()))
    assert session.continue_().change.tensors == whole.record.tensors


def test_a_run_whose_process_died_opens_at_its_last_iteration(session: Session) -> None:
    before = said(session)
    session.store.move(session.id, state="unlearning", actor="me", action="continue")
    opened = again(session)
    assert (opened.state, opened.head, actions(opened)[-1]) == ("reviewing", 1, "recovered")
    assert same(said(opened), before)
    assert opened.report(1) == session.report(1)
    assert opened.store.verify() == []


def test_the_dial_shows_what_a_commit_keeps(session: Session) -> None:
    log, current = actions(session), session.current
    assert current is not None
    shown = {strength: session.dial(strength) for strength in (0.0, 0.5, 1.0)}
    assert actions(session) == log
    assert shown[1.0] == current.evaluations[-1]
    base = current.evaluations[0].value("forget_probability")
    assert shown[0.0].value("forget_probability") == pytest.approx(base, abs=1e-6)
    made = session.commit(0.5)
    assert made.evaluations[-1] == shown[0.5] != shown[1.0]
    assert (made.change.strength, made.change.tensors) == (0.5, current.change.tensors)


def test_the_adapter_stays_around_the_base_while_its_strength_is_turned(session: Session) -> None:
    change, bench = session.past.change(1), text_bench()
    assert bench.applied(change, 0.5) is bench.applied(change, 1.25)
    ids = torch.arange(8).reshape(1, 8)
    with torch.no_grad():
        turned, fresh = bench.applied(change, 0.7)(input_ids=ids), change.apply(bench.base, strength=0.7)(input_ids=ids)
    assert torch.equal(turned.logits, fresh.logits)


def test_requests_add_up_join_and_are_taken_back_alone(session: Session) -> None:
    session.go(0)
    session.adjust(quick(seed=1))
    assert session.combine(1, 2).change.kind == "adapter"
    session.go(1)
    also = session.also(quick(target=SECOND))
    assert (also.beneath, also.change.kind) == ((1,), "composed")
    effects = session.effects()
    first, second = effects.steps[-1].targets
    assert (first.forgotten, second.forgotten, first.train.n) == (True, True, 5)
    before = effects.steps[0].targets[1].train.value
    assert second.train.value is not None
    assert before is not None
    assert second.train.value < before
    assert "Nilo Ostrand' (forgotten) " in effects.words[-1]
    left = session.drop(1)
    assert left.wording == "where person == 'Nilo Ostrand'"
    assert session.compare(0, left.number).words


def test_more_of_the_same_goes_on_and_less_begins_anew(session: Session) -> None:
    more = session.adjust(quick(intensity=0.6))
    assert more.plan.because[-1] == "Goes on from iteration 1 with a fresh optimiser."
    less = session.adjust(quick(intensity=0.5))
    assert less.plan.because[-1].startswith("Begins anew: less is asked for")


def test_the_live_line_says_what_goes_and_what_stays(tmp_path: Path) -> None:
    session, seen = begin(tmp_path), list[Progress]()
    session.listeners.append(lambda message: seen.append(message) if isinstance(message, Progress) else None)
    made = session.start(forget_person(settings={"epochs": 2, "forget_probability": 0.001}))
    last = seen[-1].seen
    assert seen[0].seen is not None  # it looks before the first step
    assert last is not None
    assert last.forget < seen[0].seen.forget
    assert last.forget == pytest.approx(made.evaluations[-1].value("forget_probability"), abs=0.02)
    assert last.words.startswith(f"forget {last.forget:.1%}, retain ")


def evaluation(**values: float) -> Evaluation:
    measured = [Measurement(name=name, value=value, unit="share", n=9, better="lower") for name, value in values.items()]
    return Evaluation(subject="m", splits="s", model="m", measurements=tuple(measured))


@pytest.mark.parametrize(
    ("forget", "retain", "words"),
    [
        (0.45, 0.88, ["under-forgotten: answer probability on the forget set is 45.0%, the plan asks for 24.0% or less"]),
        (0.24, 0.88, []),  # three tenths of 0.8
        (0.08, 0.86, ["over-forgotten: answer probability on the forget set is 8.0%, the plan's band ends at 10.0%"]),
        (0.20, 0.80, ["dearer than planned: retained answers went from 90.0% to 80.0%, the plan allows 85.5%"]),
    ],
)
def test_a_plans_own_aim_is_judged_from_both_sides_and_by_its_price(forget: float, retain: float, words: list[str]) -> None:
    """The band from 0.1 to 0.3 of the base's 0.8, at the cost of 5 % of 0.9; a point is nobody's business."""
    base = evaluation(forget_probability=0.8, retain_probability=0.9)
    settings = {"stop_at": 0.3, "forget_probability": None, "least_probability": 0.1, "retain_within": 0.05}
    plan = Plan(method="npo", splits="s", settings=settings)
    now = evaluation(forget_probability=forget, retain_probability=retain, truth_ratio_loss=0.5)
    found = list(_aim_missed(now, base, plan))
    assert len(found) == len(words)
    assert all(one.startswith(word) for one, word in zip(found, words, strict=True))
    assert list(_aim_missed(now, base, plan.model_copy(update={"aim": "match-unseen"}))) == []


def test_a_goal_is_sought_in_answer_probability(tmp_path: Path) -> None:
    session = begin(tmp_path)
    goal = Goal(forget_at_most=0.7, retain_loss_at_most=0.5)
    found = session.seek(quick(settings={"epochs": 2}), goal, budget=Budget(tries=2, seconds=600))
    assert found.met
    assert found.chosen is not None
    parts = {part.name: part for part in found.chosen.parts}
    assert session.current is not None
    assert parts["forget"].value == pytest.approx(session.current.evaluations[-1].value("forget_probability"))
    assert "answer probability is left on the target (at most 70.0 %)" in found.words[0]
    assert [event.action for event in events(session)][-1] == "found"
    assert text_bench().usual_goal.forget_at_most == 0.1
    with refuses(RequestError, "match-unseen"):
        session.seek(quick(aim="match-unseen"))


def test_a_band_needs_no_calibration_and_teaches_none(tmp_path: Path) -> None:
    session = begin(tmp_path)
    made = session.start(forget_person(calibrated=True, settings={"epochs": 2, "retain": 20}))
    assert "Not calibrated: for language an intensity is a band to stop in" in " ".join(made.plan.because)
    assert session.calibration().curves == ()


def test_the_browser_refuses_a_session_on_text(session: Session) -> None:
    with refuses(SessionError, "language model", "works on images so far", f"lorasteer steer --resume {session.id}"):
        session.view()
    assert session.continue_().number == 2


def test_a_session_draws_itself(session: Session) -> None:
    html = page(session)
    assert "forget probability" in html
    assert "<polyline" in html
