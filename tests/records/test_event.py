"""An event covers its facts and the event before it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from lorasteer.records import Event
from lorasteer.records.event import GENESIS

FACTS: dict[str, Any] = {"seq": 1, "run": "r", "time": "t", "actor": "me", "action": "begin"}


def test_the_hash_by_hand() -> None:
    text = '{"action": "begin", "actor": "me", "detail": {"é": [1]}, "run": "r", "seq": 1, "time": "t", "why": ""}'
    event = Event.sealed(**FACTS, detail={"é": [1]})
    assert event.hash == hashlib.sha256((GENESIS + text).encode()).hexdigest()
    assert event.previous == GENESIS


OTHERS = {
    "seq": 2,
    "run": "s",
    "time": "u",
    "actor": "you",
    "action": "undo",
    "detail": {"a": 1},
    "why": "so",
    "previous": "1" * 64,
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_fact_counts(name: str) -> None:
    event = Event.sealed(**FACTS)
    assert event.fits
    assert not event.model_copy(update={name: OTHERS[name]}).fits
    assert set(OTHERS) == set(Event.model_fields) - {"hash"}


def test_it_comes_back_from_json_and_still_fits() -> None:
    event = Event.sealed(**FACTS, detail={"strength": 0.1, "tries": [1, None, {"x": True}]}, why="猫")
    back = Event.from_json(event.to_json())
    assert back == event
    assert back.fits


def test_numbers_without_a_place_in_json_are_refused() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Event.sealed(**FACTS, detail={"loss": float("nan")})
