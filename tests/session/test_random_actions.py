"""Any sequence of actions: the table alone decides what happens, and every iteration can be gone back to, to the bit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorasteer.errors import SessionError
from lorasteer.session import Session
from lorasteer.session.states import BY_THE_WORK, MEANINGS
from tests.support.digits import bench
from tests.support.sessions import THREE, actions, again, begin, bits, quick

numbers = st.integers(0, 6)
strengths = st.sampled_from([0.0, 0.5, 1.5])
intensities = st.sampled_from([0.25, 0.5, 1.0])

WAYS: dict[str, Callable[[Session, Any], object]] = {
    "start": lambda session, draw: session.start(quick(intensity=draw(intensities))),
    "continue": lambda session, draw: session.continue_(),
    "adjust": lambda session, draw: session.adjust(quick(intensity=draw(intensities))),
    "also": lambda session, draw: session.also(quick(target=THREE)),
    "goal": lambda session, draw: session.attempt(quick(intensity=draw(intensities))),
    "interrupt": lambda session, draw: session.interrupt(),
    "dial": lambda session, draw: session.dial(draw(strengths)),
    "commit": lambda session, draw: session.commit(draw(strengths)),
    "combine": lambda session, draw: session.combine(draw(numbers), draw(numbers)),
    "drop": lambda session, draw: session.drop(draw(numbers)),
    "undo": lambda session, draw: session.undo(),
    "go": lambda session, draw: session.go(draw(numbers)),
    "stop": lambda session, draw: session.stop(),
}
"""How a test takes each action of a person."""

usual = [action for action in WAYS if action != "stop"]


def where(session: Session) -> tuple[object, ...]:
    """Everything that an action may change."""
    return session.state, session.head, session.iterations, bits(session), len(actions(session))


def act(session: Session, action: str, draw: Callable[..., Any]) -> bool:
    """Take an action; whether it was taken. A refusal must have changed nothing."""
    before, possible = where(session), action in session.allowed
    try:
        WAYS[action](session, draw)
    except SessionError:
        assert where(session) == before
        return False
    assert possible
    return True


def test_every_action_of_a_person_is_taken_here() -> None:
    assert set(WAYS) == set(MEANINGS) - BY_THE_WORK


@pytest.mark.slow
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(usual), min_size=3, max_size=7), st.data())
def test_nothing_is_lost_whatever_is_done(chosen: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = begin(Path(folder))
        assert act(session, "start", data.draw)
        seen = {0: bits(begin(Path(folder) / "untouched")), 1: bits(session)}
        for action in chosen:
            made = len(session.iterations)
            if act(session, action, data.draw) and len(session.iterations) > made:
                seen[session.head] = bits(session)
            assert bits(session) == seen[session.head]
        steps = len(session.history.path(session.head)) - 1
        for _ in range(steps):
            session.undo()
        assert (session.head, bits(session)) == (0, seen[0])
        for opened in (session, again(session)):
            for number, expected in seen.items():
                opened.go(number)
                assert bits(opened) == expected
        assert opened.store.verify() == []
        assert bench().base.digest == bench().base.record.weights
