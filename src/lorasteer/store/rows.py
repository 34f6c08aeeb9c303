"""Between records and rows: every statement that reads or adds what a run is."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue, ValidationError

from lorasteer.errors import PlanError, StoreError
from lorasteer.records import CalibrationPoint, Event, Iteration, RunRecord, first_problem
from lorasteer.records.event import GENESIS

RUN_COLUMNS = tuple(RunRecord.model_fields)
EVENT_COLUMNS = tuple(Event.model_fields)
POINT_COLUMNS = tuple(CalibrationPoint.model_fields)
ROOT_FACTS = ("id", "created", "base", "data", "data_digest", "versions")
"""Facts of a run that its first event repeats, so that the log covers them."""


def run_of(row: sqlite3.Row) -> RunRecord:
    """The run in a row.

    Raises:
        StoreError: The row does not fit.
    """
    with _readable(f"run {row['id']}"):
        return RunRecord.model_validate({**{name: row[name] for name in RUN_COLUMNS}, "versions": json.loads(row["versions"])})


def iteration_of(row: sqlite3.Row) -> Iteration:
    """The iteration in a row.

    Raises:
        StoreError: The row does not fit.
    """
    with _readable(f"iteration {row['number']} of run {row['run']}"):
        return Iteration.from_json(row["record"])


def event_of(row: sqlite3.Row) -> Event:
    """The event in a row.

    Raises:
        StoreError: The row does not fit.
    """
    with _readable(f"event {row['seq']} of run {row['run']}"):
        return Event.model_validate({**{name: row[name] for name in EVENT_COLUMNS}, "detail": json.loads(row["detail"])})


def point_of(row: sqlite3.Row) -> CalibrationPoint:
    """The point in a row."""
    return CalibrationPoint.model_validate({name: row[name] for name in POINT_COLUMNS})


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    """A row that does not fit its record, as one line that says what to do."""
    try:
        yield
    except (PlanError, ValueError) as error:  # what pydantic and JSON raise are ValueErrors
        problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise StoreError(
            f"{what} cannot be read: {problem.rstrip('.')}. Restore the store from a copy, or remove the "
            "run with `lorasteer runs rm`."
        ) from error


def add_run(connection: sqlite3.Connection, run: RunRecord, *, actor: str, detail: Mapping[str, JsonValue] | None = None) -> None:
    """Add a run with the first event of its log; its head is the base.

    Raises:
        StoreError: A run of this id is kept already.
    """
    if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run.id,)).fetchone():
        raise StoreError(f"run {run.id} is kept already; give the new run another id.")
    values = {**run.model_dump(mode="json"), "versions": _text(run.versions), "head": 0, "log": GENESIS}
    _insert(connection, "runs", values)
    facts = run.model_dump(mode="json", include=set(ROOT_FACTS))
    add_event(connection, run.id, actor=actor, action="begin", detail={**(detail or {}), "run": facts})


def add_iteration(
    connection: sqlite3.Connection, run: str, iteration: Iteration, change: str, resume: str | None, *, state: str
) -> dict[str, JsonValue]:
    """Add an iteration whose blobs lie there already, and make it the head.

    Returns:
        What the event that tells of it must say, so that the log covers its record and its numbers.

    Raises:
        StoreError: The number is taken, or the parent is not an iteration of this run.
    """
    numbers = {row[0] for row in connection.execute("SELECT number FROM iterations WHERE run = ?", (run,))}
    if iteration.number in numbers:
        raise StoreError(f"iteration {iteration.number} of run {run} is kept already; the next number is {max(numbers) + 1}.")
    strangers = sorted({iteration.parent, *iteration.combined} - numbers - {0})
    if strangers:
        raise StoreError(f"run {run} has no iteration {strangers[0]}, which {iteration.number} goes on from; name one it has.")
    values = {"run": run, "number": iteration.number, "parent": iteration.parent, "change": change, "resume": resume}
    _insert(connection, "iterations", {**values, "record": iteration.to_json()})
    place(connection, run, head=iteration.number, state=state)
    return {"iteration": iteration.number, "record": iteration.digest, "change": change, "resume": resume}


def place(connection: sqlite3.Connection, run: str, *, head: int | None, state: str | None) -> None:
    """Move head or state of a run.

    Raises:
        StoreError: The head is not an iteration of the run.
    """
    if head and not connection.execute("SELECT 1 FROM iterations WHERE run = ? AND number = ?", (run, head)).fetchone():
        raise StoreError(f"run {run} has no iteration {head}; `lorasteer runs show {run}` lists those it has.")
    connection.execute("UPDATE runs SET head = COALESCE(?, head), state = COALESCE(?, state) WHERE id = ?", (head, state, run))


def add_event(
    connection: sqlite3.Connection, run: str, *, actor: str, action: str, why: str = "", detail: Mapping[str, JsonValue]
) -> Event:
    """Add an event to the end of a run's log. Its detail also says which head and state the run has now."""
    head, state, previous = connection.execute("SELECT head, state, log FROM runs WHERE id = ?", (run,)).fetchone()
    seq = connection.execute("SELECT COALESCE(MAX(seq), 0) + 1 FROM events WHERE run = ?", (run,)).fetchone()[0]
    event = Event.sealed(
        seq=seq, run=run, time=now(), actor=actor, action=action, detail={**detail, "head": head, "state": state}, why=why,
        previous=previous,
    )  # fmt: skip
    _insert(connection, "events", {**event.model_dump(mode="json"), "detail": _text(event.detail)})
    connection.execute("UPDATE runs SET log = ? WHERE id = ?", (event.hash, run))
    return event


def add_point(connection: sqlite3.Connection, point: CalibrationPoint) -> None:
    """Add a calibration point."""
    _insert(connection, "points", point.model_dump(mode="json"))


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", dict(values))


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def now() -> str:
    """This moment, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def named_blobs(connection: sqlite3.Connection) -> set[str]:
    """Names of all blobs that an iteration needs, and of those that hold its audits."""
    audits = connection.execute("SELECT json_extract(detail, '$.audit') FROM events WHERE action = 'audit'")
    iterations = connection.execute("SELECT change, resume FROM iterations")
    return {name for row in (*iterations, *audits) for name in row if name is not None}
