"""The store: runs with their iterations, changes and logs. Blobs are written before the one transaction that names them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from lorasteer.errors import WeightsError
from lorasteer.records import AuditRecord, CalibrationPoint, Event, Iteration, RunRecord, Snapshot
from lorasteer.store import rows
from lorasteer.store.checking import Problem, problems_of
from lorasteer.store.reading import RunReader, id_of

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.tasks.tensors import NamedTensors

Detail = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Freed:
    """What was removed.

    Args:
        count: How many folders.
        bytes: How many bytes they took.
    """

    count: int
    bytes: int


@dataclass(frozen=True)
class RunStore(RunReader):
    """Runs in one folder, which is made with the first of them. The folder can be moved and copied as a whole.

    Anyone may read at any time. One process at a time may write: each write takes the lock for itself, `writing` holds it.

    Args:
        root: The folder.
    """

    @contextlib.contextmanager
    def writing(self, *, wait: float = 0) -> Iterator[None]:
        """Hold the right to write while the block runs, so that no other process comes between.

        Args:
            wait: Seconds to wait for another process.

        Raises:
            StoreError: Another process holds it; the message names it. Or the folder cannot be written.
        """
        with self._lock.held(wait=wait):
            yield

    @contextlib.contextmanager
    def steering(self, run: str) -> Iterator[None]:
        """Hold the right to write, and be the only one in this process who steers a run, while the block runs.

        Args:
            run: Its id.

        Raises:
            StoreError: Another process, or another session of this one, holds it. Or the folder cannot be written.
        """
        with self.writing(), self._lock.alone(run):
            yield

    def begin(self, run: RunRecord, *, actor: str) -> None:
        """Keep a run that has no iteration yet.

        Raises:
            StoreError: A run of this id is kept already, or the store cannot be written.
        """
        with self._transaction() as connection:
            rows.add_run(connection, run, actor=actor)

    def add_iteration(
        self, run_id: str, iteration: Iteration, change: Change, resume: NamedTensors | None = None, *, state: str,
        actor: str, action: str, why: str = "", detail: Detail | None = None,
    ) -> Event:  # fmt: skip
        """Keep an iteration with its numbers, make it the head, and log it: all of it or nothing.

        Args:
            run_id: Id of the run.
            iteration: Its record.
            change: The change from the base to here, as `iteration.change` describes it.
            resume: What the training goes on from, all of it finite; None where it cannot go on.
            state: State that the run is in now.
            actor: Who did it.
            action: What was done.
            why: Why.
            detail: Particulars for the log.

        Returns:
            The line of the log.

        Raises:
            StoreError: There is no such run, the number is taken, or the store cannot be written.
            WeightsError: A number is not finite, or the change was made for another base.
        """
        with self._turn():
            run = self.load(run_id)
            blobs = self._keep(run, iteration, change, resume)
            with self._transaction() as connection:
                facts = rows.add_iteration(connection, run.id, iteration, *blobs, state=state)
                detail = {**(detail or {}), **facts}
                return rows.add_event(connection, run.id, actor=actor, action=action, why=why, detail=detail)

    def _keep(self, run: RunRecord, iteration: Iteration, change: Change, resume: NamedTensors | None) -> tuple[str, str | None]:
        """Write the blobs of an iteration, whose record must be that of this change and of this run's base."""
        if iteration.change != change.record:
            raise ValueError(f"iteration {iteration.number} describes another change than the one that was given")
        if change.record.base != run.base:
            raise WeightsError(
                f"the change was made for base {change.record.base[:12]}, but run {run.id} has base {run.base[:12]}. "
                "Begin a run of its own for another base."
            )
        kept = self._blobs.keep_change(change)
        return kept, None if resume is None else self._blobs.keep_resume(resume, change.record.base)

    def add(self, kept: Snapshot, change: Change, resume: NamedTensors | None = None, *, actor: str) -> None:
        """Keep a run with its first iteration, in one transaction.

        Raises:
            StoreError: A run of this id is kept already, or the store cannot be written.
            WeightsError: A number is not finite, or the change was made for another base.
        """
        run, iteration = kept.run, kept.iteration
        with self._turn():
            blobs = self._keep(run, iteration, change, resume)
            with self._transaction() as connection:
                rows.add_run(connection, run, actor=actor)
                facts = rows.add_iteration(connection, run.id, iteration, *blobs, state=run.state)
                rows.add_event(connection, run.id, actor=actor, action=iteration.action, detail=facts)

    def move(
        self, run_id: str, *, head: int | None = None, state: str | None = None, actor: str, action: str, why: str = "",
        detail: Detail | None = None,
    ) -> Event:  # fmt: skip
        """Move head or state of a run, or only log something: one transaction. Returns the line of the log.

        Raises:
            StoreError: There is no such run or iteration, or the store cannot be written.
        """
        with self._transaction() as connection:
            name = id_of(connection, run_id, self.root)
            rows.place(connection, name, head=head, state=state)
            return rows.add_event(connection, name, actor=actor, action=action, why=why, detail=detail or {})

    def add_audit(self, run_id: str, number: int, record: AuditRecord, *, actor: str) -> Event:
        """Keep what an audit of an iteration found, and log it: both or neither. Returns the line of the log.

        Raises:
            StoreError: There is no such run or iteration, or the store cannot be written.
        """
        with self._turn():
            self.iteration(run_id, number)
            detail: Detail = {
                "audited": number, "audit": self._blobs.keep_audit(record), "digest": record.digest,
                "verdict": record.verdict.label if record.verdict else None,
            }  # fmt: skip
            return self.move(run_id, actor=actor, action="audit", detail=detail)

    def remove(self, name: str) -> str:
        """Remove a run with its log for good and return its id; `gc` frees the room that its numbers take.

        Raises:
            StoreError: There is no such run, or the store cannot be written.
        """
        with self._transaction() as connection:
            found = id_of(connection, name, self.root)
            connection.execute("DELETE FROM runs WHERE id = ?", (found,))
        return found

    def unreachable(self) -> list[Path]:
        """Folders that no iteration names: left by removed runs and by writing that was cut off."""
        with self._reading() as connection:
            named = set() if connection is None else rows.named_blobs(connection)
        return [*(self._blobs.folder / name for name in sorted(self._blobs.names() - named)), *self._blobs.stale()]

    def gc(self) -> Freed:
        """Remove what `unreachable` lists, and nothing else.

        Raises:
            StoreError: The store cannot be written.
        """
        with self._turn():
            sizes = [self._blobs.remove(folder) for folder in self.unreachable()]
        return Freed(len(sizes), sum(sizes))

    def verify(self) -> list[Problem]:
        """Check every log, row and number; nothing is changed.

        Returns:
            What is wrong, one line each; empty for a clean store.

        Raises:
            StoreError: The index itself cannot be read.
        """
        with self._reading() as connection:
            return [] if connection is None else problems_of(connection, self._blobs, self.root)

    def add_point(self, point: CalibrationPoint) -> None:
        """Keep a calibration point.

        Raises:
            StoreError: The store cannot be written.
        """
        with self._transaction() as connection:
            rows.add_point(connection, point)

    def clear_points(self, base: str) -> int:
        """Forget the calibration points of a base and return how many there were.

        Raises:
            StoreError: The store cannot be written.
        """
        with self._transaction() as connection:
            return connection.execute("DELETE FROM points WHERE base = ?", (base,)).rowcount
