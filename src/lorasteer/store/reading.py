"""The half of the store that reads: needs no lock, changes nothing, and finds only what is whole."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lorasteer.errors import StoreError, choices
from lorasteer.records import CalibrationPoint, Event, Iteration, RunRecord, Snapshot
from lorasteer.store import rows
from lorasteer.store.blobs import Blobs, digests_in
from lorasteer.store.index import Index
from lorasteer.store.lock import WriterLock, lock_of
from lorasteer.store.older import older_runs, take_in

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.tensors import Tensors

WAIT = 5.0
"""Seconds that a single write waits for another process that writes just now."""


@dataclass(frozen=True)
class Found:
    """A run as it is listed.

    Args:
        id: Its id.
        record: Its record; None where it is damaged.
        iterations: How many iterations it has.
        head: The iteration in force; None where that is the base.
        damage: What is wrong with it; empty where nothing is.
    """

    id: str
    record: RunRecord | None
    iterations: int = 0
    head: Iteration | None = None
    damage: str = ""


@dataclass(frozen=True)
class RunReader:
    """Runs in one folder, to read. The folder can be moved and copied as a whole.

    Args:
        root: The folder; it need not exist.
    """

    root: Path
    _index: Index = field(init=False, repr=False, compare=False)
    _blobs: Blobs = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", Index(self.root, lambda connection: take_in(self.root, connection)))
        object.__setattr__(self, "_blobs", Blobs(self.root))

    @property
    def _lock(self) -> WriterLock:
        return lock_of(self.root)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """The right to write, and this thread's turn to."""
        with self._lock.held(wait=WAIT), self._lock.turn:
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn(), self._index.writing() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection to read from; None where nothing is kept yet."""
        if not self._index.exists() and not older_runs(self.root):
            yield None
            return
        if not self._index.current():
            self.prepare()
        with self._index.reading() as connection:
            yield connection

    def prepare(self) -> None:
        """Make the index or bring it up to date, so that a refusal comes before long work and not after it.

        Raises:
            StoreError: The store cannot be written, or another process writes to it for long.
        """
        with self._transaction():
            pass

    def list(self) -> tuple[Found, ...]:
        """All runs, the newest first; unreadable ones with the reason."""
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(_found(row) for row in connection.execute(f"{_LISTED} ORDER BY runs.id DESC"))

    def find(self, name: str) -> Found:
        """A run by its id, or by the beginning or end of its id where that is unique.

        Raises:
            StoreError: No run, or more than one, is called so.
        """
        with self._reading() as connection:
            found = id_of(connection, name, self.root)
            assert connection is not None
            return _found(connection.execute(f"{_LISTED} WHERE runs.id = ?", (found,)).fetchone())

    def load(self, name: str) -> RunRecord:
        """The record of a run.

        Raises:
            StoreError: There is no such run, or it is damaged.
        """
        found = self.find(name)
        if found.record is None:
            raise StoreError(f"run {found.id} is damaged: {found.damage} Remove it with `lorasteer runs rm {found.id}`.")
        return found.record

    def iterations(self, name: str) -> tuple[Iteration, ...]:
        """The iterations of a run, in the order of their numbers.

        Raises:
            StoreError: There is no such run, or one of them cannot be read.
        """
        return tuple(map(rows.iteration_of, self._rows(name, "iterations", "number")))

    def iteration(self, name: str, number: int | None = None) -> Iteration:
        """One iteration of a run; the head when no number is given.

        Raises:
            StoreError: There is no such run or iteration.
        """
        return rows.iteration_of(self._row(name, number))

    def snapshot(self, name: str, number: int | None = None) -> Snapshot:
        """A run with one of its iterations; the head when no number is given.

        Raises:
            StoreError: There is no such run or iteration, or it is damaged.
        """
        return Snapshot(run=self.load(name), iteration=self.iteration(name, number))

    def change(self, name: str, number: int | None = None, base: Base | None = None) -> Change:
        """The change of an iteration, checked to the last byte; that of the head when no number is given.

        Raises:
            StoreError: There is no such run or iteration.
            WeightsError: The change is missing, altered, not finite, or belongs to another base.
        """
        from lorasteer.changes.contract import check_base

        row = self._row(name, number)
        change = self._blobs.change(row["change"], rows.iteration_of(row).change)
        if base is not None:
            check_base(change.record, base)
        return change

    def resume(self, name: str, number: int | None = None) -> Tensors | None:
        """What the training of an iteration goes on from; None where it cannot go on.

        Raises:
            StoreError: There is no such run or iteration.
            WeightsError: It is missing, altered, not finite, or belongs to another base.
        """
        row = self._row(name, number)
        return None if row["resume"] is None else self._blobs.resume(row["resume"], rows.iteration_of(row).change.base)

    def as_written(self, name: str, number: int | None = None) -> str:
        """The JSON of an iteration as the log has its digest; a later program may know more fields than it holds.

        Raises:
            StoreError: There is no such run or iteration.
        """
        return str(self._row(name, number)["record"])

    def change_files(self, name: str, number: int | None = None) -> dict[str, str]:
        """sha256 of each file of an iteration's change, as it lies there now, whatever its manifest says.

        Raises:
            StoreError: There is no such run or iteration.
        """
        return digests_in(self._blobs.folder / self._row(name, number)["change"])

    def audit_as_written(self, name: str, number: int | None = None) -> str | None:
        """The JSON of the latest audit of an iteration, as the log has its digest; None where it was not audited.

        Raises:
            StoreError: There is no such run or iteration.
            WeightsError: The audit is missing or altered.
        """
        wanted = self._row(name, number)["number"]
        kept = [event.detail["audit"] for event in self.events(name) if event.detail.get("audited") == wanted]
        return self._blobs.audit(str(kept[-1])) if kept else None

    def events(self, name: str) -> tuple[Event, ...]:
        """The log of a run, the oldest first.

        Raises:
            StoreError: There is no such run, or an event cannot be read.
        """
        return tuple(map(rows.event_of, self._rows(name, "events", "seq")))

    def _rows(self, name: str, table: str, order: str) -> tuple[sqlite3.Row, ...]:
        with self._reading() as connection:
            found = id_of(connection, name, self.root)
            assert connection is not None
            return tuple(connection.execute(f"SELECT * FROM {table} WHERE run = ? ORDER BY {order}", (found,)))

    def _row(self, name: str, number: int | None) -> sqlite3.Row:
        run = self.load(name)
        wanted = run.head if number is None else number
        if wanted == 0:
            raise StoreError(f"iteration 0 of run {run.id} is the untouched base, which has no change; name one from 1 on.")
        found = {row["number"]: row for row in self._rows(run.id, "iterations", "number")}
        if wanted not in found:
            raise StoreError(f"run {run.id} has no iteration {wanted}. {choices(str(wanted), map(str, found))}")
        return found[wanted]

    def points(self, base: str) -> tuple[CalibrationPoint, ...]:
        """Calibration points of a base, by its digest, in the order in which they came."""
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(map(rows.point_of, connection.execute("SELECT * FROM points WHERE base = ? ORDER BY id", (base,))))


_LISTED = """SELECT runs.*, (SELECT COUNT(*) FROM iterations WHERE run = runs.id) AS iterations,
    iterations.record, iterations.run, iterations.number
    FROM runs LEFT JOIN iterations ON iterations.run = runs.id AND iterations.number = runs.head"""


def _found(row: sqlite3.Row) -> Found:
    try:
        head = None if row["record"] is None else rows.iteration_of(row)
        return Found(row["id"], rows.run_of(row), row["iterations"], head)
    except StoreError as error:
        return Found(row["id"], None, row["iterations"], damage=str(error))


def id_of(connection: sqlite3.Connection | None, name: str, root: Path) -> str:
    """Id of the run that a name means.

    Raises:
        StoreError: No run, or more than one, is called so.
    """
    runs = set() if connection is None else {str(row[0]) for row in connection.execute("SELECT id FROM runs")}
    fitting = {name} & runs or {run for run in runs if name and (run.startswith(name) or run.endswith(name))}
    if len(fitting) == 1:
        return fitting.pop()
    if fitting:
        raise StoreError(f"{name!r} may mean any of {len(fitting)} runs: {', '.join(sorted(fitting)[:5])}. Give more of its id.")
    known = choices(name, sorted(runs, reverse=True)) if runs else "It holds none yet."
    raise StoreError(f"no run {name!r} in {root}. {known}")
