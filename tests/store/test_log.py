"""The log of a run: who, when, what, why; lines are only added, and each covers the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lorasteer.records.event import GENESIS
from lorasteer.store import RunStore
from lorasteer.store.index import NAME
from tests.support.kept import RUN, filled


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    kept = filled(tmp_path, iterations=2)
    kept.move(RUN, head=1, state="reviewing", actor="you", action="undo", why="too strong", detail={"strength": 0.5})
    return kept


@pytest.fixture
def raw(store: RunStore) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(store.root / NAME)
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def test_who_what_and_why(store: RunStore) -> None:
    events = store.events(RUN)
    assert [(event.seq, event.actor, event.action) for event in events] == [
        (1, "me", "begin"), (2, "me", "unlearn"), (3, "me", "continue"), (4, "you", "undo"),
    ]  # fmt: skip
    assert (events[3].why, events[3].detail) == ("too strong", {"strength": 0.5, "head": 1, "state": "reviewing"})
    assert all(datetime.fromisoformat(event.time).utcoffset() == timedelta(0) for event in events)


def test_each_covers_the_one_before(store: RunStore) -> None:
    events = store.events(RUN)
    assert [event.previous for event in events] == [GENESIS, *(event.hash for event in events[:-1])]
    assert all(event.fits for event in events)


def test_the_log_covers_the_record_and_the_numbers(store: RunStore) -> None:
    added = store.events(RUN)[2].detail
    assert added["record"] == store.iteration(RUN, 2).digest
    assert {added["change"], added["resume"]} <= {path.name for path in (store.root / "blobs").iterdir()}


EDITS = {
    "UPDATE events SET why = 'no reason' WHERE seq = 2": "never edited",
    "DELETE FROM events WHERE seq = 4": "only with their run",
    "INSERT OR REPLACE INTO events SELECT run, 2, time, actor, action, detail, why, previous, hash FROM events LIMIT 1": "end",
    "INSERT INTO events SELECT run, 9, time, actor, action, detail, why, previous, hash FROM events LIMIT 1": "at the end",
    "UPDATE iterations SET record = '{}'": "never edited",
}


@pytest.mark.parametrize("statement", EDITS)
def test_the_database_itself_refuses_edits(raw: sqlite3.Connection, store: RunStore, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=EDITS[statement]):
        raw.execute(statement)
    raw.rollback()
    assert store.verify() == []


def test_a_log_goes_with_its_run(store: RunStore, raw: sqlite3.Connection) -> None:
    store.remove(RUN)
    left = [raw.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("runs", "iterations", "events")]
    assert left == [0, 0, 0]
