"""The way to a goal: easy ones end at once, hopeless ones are said to be so, and nothing that was tried is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lorasteer.errors import RequestError
from lorasteer.records import Event, Request, Target
from lorasteer.session import Session
from lorasteer.session.found import Found
from lorasteer.session.goal import Budget, Goal
from lorasteer.session.seeking import seek, tries_of
from lorasteer.tasks.training import Progress
from tests.support.digits import digits, request
from tests.support.errors import refuses
from tests.support.sessions import actions, again, begin, events

HOPELESS = request(settings={"epochs": 1, "learning_rate": 1e-6, "retain": 50})  # a step that changes nothing
NOW = Budget(tries=0)


def few(tries: int) -> Budget:
    return Budget(tries=tries, seconds=3600)


def requests_of(session: Session) -> list[Request]:
    return [iteration.request for iteration in session.iterations if iteration.action == "goal"]


def test_an_easy_goal_is_reached_by_the_tables_own_answer(tmp_path: Path) -> None:
    session = begin(tmp_path)
    found = seek(session, request(), Goal())
    assert (found.met, found.ended, found.trained, found.failed) == (True, "goal", 1, 0)
    assert requests_of(session) == [request(intensity=0.75)]  # the least that promises to leave 1 %
    assert found.chosen is not None
    assert all(part.missed == 0 for part in found.chosen.parts)
    assert found.words[0].startswith("The goal is reached by iteration 1")
    assert session.head == found.head
    assert session.current is not None
    assert session.current.change.strength == found.chosen.strength


def test_every_try_is_told_to_listeners(tmp_path: Path) -> None:
    session, told = begin(tmp_path), list[Event | Progress]()
    session.listeners.append(told.append)
    seek(session, HOPELESS, budget=few(2))
    assert [event.action for event in told if isinstance(event, Event)].count("goal") == 2
    assert any(isinstance(each, Progress) for each in told)


def test_a_goal_that_is_reached_already_trains_nothing(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(request())
    found = seek(session, request(), budget=NOW)
    assert (found.met, found.trained, actions(session).count("goal")) == (True, 0, 0)


def test_a_goal_between_is_reached_by_the_strength_alone(tmp_path: Path) -> None:
    session = begin(tmp_path)
    made = session.start(request(intensity=1.0))
    first = seek(session, request(), Goal(forget_at_most=0.9), budget=NOW)
    assert first.chosen is not None
    assert (first.met, first.chosen.iteration, first.chosen.strength) == (True, made.number, 0.25)
    assert session.current is not None
    assert (session.current.action, session.current.parent, session.current.change.strength) == ("commit", 1, 0.25)
    head = session.head
    session.go(0)
    second = seek(session, request(), Goal(forget_at_most=0.9), budget=NOW)
    assert (second.head, session.history.next) == (head, 3)  # kept once is enough


def test_a_goal_that_cannot_be_reached_is_said_to_be_so(tmp_path: Path) -> None:
    session = begin(tmp_path)
    found = seek(session, HOPELESS, budget=few(4))
    assert (found.met, found.ended, found.trained, len(found.tries)) == (False, "tries", 4, 4)
    assert found.words[0].startswith("The goal was not reached: the tries were used up after 4 trainings and ")
    assert found.chosen is not None
    assert found.words[0].endswith(f"Nearest is {found.chosen.words}")
    assert "misses it: the target is recognised" in found.words[1]
    assert found.words[2] == "Varied: margin, anchor_weight, intensity."
    assert found.words[3].startswith("Only the classifier head was adapted")
    assert found.words[-1] != found.words[3]
    assert Found.from_json(found.to_json()) == found


def test_the_time_is_a_budget_too(tmp_path: Path) -> None:
    found = seek(begin(tmp_path), HOPELESS, budget=Budget(tries=5, seconds=0))
    assert (found.ended, found.trained, found.chosen) == ("seconds", 0, None)
    assert found.words == ("No try was finished: the time was used up.",)


def test_a_search_that_was_cut_off_goes_on_as_if_never_cut(tmp_path: Path) -> None:
    whole, cut = begin(tmp_path / "whole"), begin(tmp_path / "cut")
    seek(whole, HOPELESS, budget=few(6))
    seek(cut, HOPELESS, budget=few(4), until=lambda: False)
    opened = again(cut)
    found = seek(opened, HOPELESS, budget=few(2))
    assert len(found.tries) == 6
    assert requests_of(opened) == requests_of(whole)


def test_another_goal_uses_what_was_tried(tmp_path: Path) -> None:
    session = begin(tmp_path)
    seek(session, HOPELESS, budget=few(3))
    found = seek(session, HOPELESS, Goal(forget_at_most=1.0), budget=NOW)
    assert (found.met, found.trained, len(found.tries)) == (True, 0, 3)


def test_iterations_on_another_target_do_not_count(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(request(target=Target(classes=("3",))))
    assert seek(session, request(), budget=NOW).tries == ()


def test_a_person_takes_over_in_the_middle_of_a_try(tmp_path: Path) -> None:
    session = begin(tmp_path)

    def stop(told: Event | Progress) -> None:
        if isinstance(told, Progress) and session.history.next == 2:
            session.interrupt()

    session.listeners.append(stop)
    found = seek(session, HOPELESS, budget=few(5))
    assert (found.ended, found.trained, session.head, session.state) == ("person", 2, 2, "reviewing")
    assert session.iterations[-1].interrupted


def test_a_person_who_moves_the_head_is_obeyed(tmp_path: Path) -> None:
    session = begin(tmp_path)

    def go_back(told: Event | Progress) -> None:
        if isinstance(told, Event) and told.action == "finished" and session.state == "reviewing" and session.head == 1:
            session.go(0)

    session.listeners.append(go_back)
    found = seek(session, HOPELESS, budget=few(5))
    assert (found.ended, found.trained, session.head) == ("person", 1, 0)


def test_whoever_watches_may_end_it_between_tries(tmp_path: Path) -> None:
    session = begin(tmp_path)
    found = seek(session, HOPELESS, budget=few(5), until=lambda: len(session.iterations) == 2)
    assert (found.ended, found.trained, session.head) == ("person", 2, 2)


def test_a_training_that_breaks_off_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(tmp_path)

    def spoil(optimizer: Any, closure: Any = None) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.data.fill_(torch.nan)

    with monkeypatch.context() as patched:
        patched.setattr("torch.optim.AdamW.step", spoil)
        broken = seek(session, HOPELESS, budget=few(1))
    assert (broken.chosen, broken.failed, session.state) == (None, 1, "reviewing")
    assert broken.words[-1] == "1 training broke off: the loss was not finite."
    opened = again(session)
    seek(opened, HOPELESS, budget=few(1))
    asked_for = [Request.model_validate(event.detail["request"]) for event in events(opened) if event.action == "goal"]
    assert [each.intensity for each in asked_for] == [0.75, 1.0]


def test_a_method_with_nothing_to_vary_is_tried_once(tmp_path: Path) -> None:
    found = seek(begin(tmp_path), request(method="zeroing"), Goal(forget_at_most=0, retain_loss_at_most=0), budget=few(9))
    assert found.trained == 1
    assert found.ended in ("exhausted", "goal")


def test_single_examples_have_no_such_goal(tmp_path: Path) -> None:
    ids = tuple(digits().train.ids[:20].tolist())
    with refuses(RequestError, "match-unseen"):
        seek(begin(tmp_path), Request(target=Target(ids=ids)))


def test_a_try_that_outlives_the_time_is_cut_and_counts_as_it_is(tmp_path: Path) -> None:
    session = begin(tmp_path)
    endless = request(method="lora-finetune", settings={"epochs": 1000, "learning_rate": 1e-6})
    found = seek(session, endless, budget=Budget(tries=5, seconds=0.3))
    assert (found.ended, found.trained, found.cut, found.met) == ("seconds", 1, 1, False)
    assert found.chosen is not None
    assert found.chosen.iteration == 1
    assert session.iterations[0].interrupted
    assert "Iteration 1 was cut off by the time; it holds what it had learned." in found.words
    assert seek(session, endless, budget=NOW).tries == ()  # what was cut off says nothing about its plan


def test_a_search_ends_in_the_log_with_what_it_came_to(tmp_path: Path) -> None:
    session = begin(tmp_path)
    found = session.seek(HOPELESS, budget=few(2))
    last = events(session)[-1]
    assert (last.action, last.actor, session.state) == ("found", "lorasteer", "reviewing")
    assert Found.model_validate(last.detail["found"]) == found
    assert tries_of(events(session)) == 0
    assert tries_of(events(session)[:-1]) == 2


def test_a_search_that_tries_nothing_leaves_the_session_idle(tmp_path: Path) -> None:
    session = begin(tmp_path)
    assert session.seek(HOPELESS, budget=NOW).chosen is None
    assert (session.state, actions(session)) == ("idle", ["begin", "found"])
    session.start(request())
