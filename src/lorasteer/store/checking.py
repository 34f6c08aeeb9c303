"""`verify`: every log, row and number of a store, compared with what each says of the others."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorasteer.errors import UserError
from lorasteer.records import Event, Iteration, RunRecord
from lorasteer.records.event import GENESIS
from lorasteer.store import rows
from lorasteer.store.blobs import Blobs
from lorasteer.store.index import faults
from lorasteer.store.older import check_older, older_runs
from lorasteer.store.schema import fresh


@dataclass(frozen=True)
class Problem:
    """Something in a store that is not as it was written.

    Args:
        where: Run, iteration, event or folder.
        what: What is wrong, in one line.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def problems_of(connection: sqlite3.Connection, blobs: Blobs, root: Path) -> list[Problem]:
    """What is wrong with a store; empty where nothing is."""
    found = [Problem("index", fault) for fault in faults(connection, "integrity_check")]
    strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    found += [Problem("index", f"row {row[1]} of {row[0]} names a row of {row[2]} that is missing") for row in strays]
    found += [Problem("index", f"{name} is missing: tables or their guards were altered") for name in _lacking(connection)]
    for row in connection.execute("SELECT * FROM runs ORDER BY id").fetchall():
        found += _of_run(connection, blobs, row)
    for folder in older_runs(root):
        found += _of_older(folder)
    return found


def _lacking(connection: sqlite3.Connection) -> list[str]:
    """Tables, triggers and indices of the schema that a database does not have."""
    with contextlib.closing(fresh()) as whole:
        wanted, found = ({row[0] for row in source.execute("SELECT name FROM sqlite_master")} for source in (whole, connection))
    return sorted(wanted - found)


def _of_run(connection: sqlite3.Connection, blobs: Blobs, row: sqlite3.Row) -> Iterator[Problem]:
    name = f"run {row['id']}"
    order = {"events": "seq", "iterations": "number"}
    parts = {
        table: connection.execute(f"SELECT * FROM {table} WHERE run = ? ORDER BY {by}", (row["id"],)).fetchall()
        for table, by in order.items()
    }
    try:
        run, events = rows.run_of(row), list(map(rows.event_of, parts["events"]))
    except UserError as error:
        yield Problem(name, str(error))
        return
    yield from _of_log(name, events, row["log"])
    yield from _of_place(name, run, events)
    yield from _of_audits(name, events, blobs)
    added = _added(events)
    yield from _of_tree(name, parts["iterations"], run, added)
    for iteration in parts["iterations"]:
        where = f"{name}, iteration {iteration['number']}"
        yield from _of_iteration(where, iteration, run, added.get(iteration["number"]), blobs)


def _added(events: Sequence[Event]) -> dict[int, Event]:
    """For the number of each iteration: the event that added it."""
    found: dict[int, Event] = {}
    for event in events:
        number = event.detail.get("iteration")
        if isinstance(number, int) and "record" in event.detail:
            found.setdefault(number, event)
    return found


def _of_log(name: str, events: Sequence[Event], log: str) -> Iterator[Problem]:
    """A chain is followed as far as it holds: the first break says where it was cut."""
    previous = GENESIS
    for place, event in enumerate(events, 1):
        where = f"{name}, event {event.seq}"
        if event.seq != place:
            yield Problem(where, f"event {place} is missing before it")
            return
        if not event.fits:
            yield Problem(where, "its hash is not that of its facts: the event was edited")
            return
        if event.previous != previous:
            yield Problem(where, "it does not follow the event before it: events were removed, moved or replaced")
            return
        previous = event.hash
    if previous != log:
        yield Problem(name, f"the log ends with event {len(events)}, but the run names another last event: events were removed")


def _of_place(name: str, run: RunRecord, events: Sequence[Event]) -> Iterator[Problem]:
    """The run's row must say what its log says."""
    if not events:
        return
    begun, last = events[0].detail.get("run"), events[-1].detail
    stated = run.model_dump(mode="json", include=set(rows.ROOT_FACTS))
    if begun != stated:
        yield Problem(name, "base, data, versions or time are not those that its first event names")
    if (last.get("head"), last.get("state")) != (run.head, run.state):
        yield Problem(name, f"head {run.head} and state {run.state!r} are not those that its last event names")


def _of_audits(name: str, events: Sequence[Event], blobs: Blobs) -> Iterator[Problem]:
    """What an audit found must be what the log names."""
    for event in events:
        if event.action != "audit" or "audit" not in event.detail:
            continue
        try:
            blobs.audit(str(event.detail["audit"]))
        except UserError as error:
            yield Problem(f"{name}, event {event.seq}", str(error))


def _of_tree(name: str, found: Sequence[sqlite3.Row], run: RunRecord, added: Mapping[int, Event]) -> Iterator[Problem]:
    numbers = {row["number"] for row in found} | {0}
    for number in added.keys() - numbers:
        yield Problem(f"{name}, iteration {number}", "it is missing, although the log says that it was added")
    if run.head not in numbers:
        yield Problem(name, f"its head is iteration {run.head}, which is missing")
    for row in found:
        if row["parent"] not in numbers:
            yield Problem(f"{name}, iteration {row['number']}", f"its parent, iteration {row['parent']}, is missing")


def _of_iteration(where: str, row: sqlite3.Row, run: RunRecord, added: Event | None, blobs: Blobs) -> Iterator[Problem]:
    try:
        iteration = rows.iteration_of(row)
    except UserError as error:
        yield Problem(where, str(error))
        return
    yield from _of_facts(where, row, iteration, added)
    if iteration.change.base != run.base:
        yield Problem(where, f"its change was made for base {iteration.change.base[:12]}, the run has base {run.base[:12]}")
    yield from _of_numbers(where, row, iteration, blobs)


def _of_facts(where: str, row: sqlite3.Row, iteration: Iteration, added: Event | None) -> Iterator[Problem]:
    """Record and blobs must be those that the event which added the iteration names."""
    if (row["number"], row["parent"]) != (iteration.number, iteration.parent):
        yield Problem(where, "number or parent are not those of its record")
    if added is None:
        yield Problem(where, "no event says that it was added")
        return
    written = hashlib.sha256(row["record"].encode()).hexdigest()  # as it was written: a later program may know more fields
    stated = {"record": written, "change": row["change"], "resume": row["resume"]}
    for name, value in stated.items():
        if added.detail.get(name) != value:
            yield Problem(where, f"its {name} is not the one that the log names: it was edited or replaced")


def _of_numbers(where: str, row: sqlite3.Row, iteration: Iteration, blobs: Blobs) -> Iterator[Problem]:
    try:
        blobs.change(row["change"], iteration.change)
        if row["resume"] is not None:
            blobs.resume(row["resume"], iteration.change.base)
    except UserError as error:
        yield Problem(where, str(error))


def _of_older(folder: Path) -> Iterator[Problem]:
    try:
        check_older(folder)
    except UserError as error:
        yield Problem(f"folder {folder.name}", f"a run from before the index, not taken in: {error}")
