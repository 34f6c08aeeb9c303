"""A script in place of a person: the same engine, the same log. What the log says is done is not done again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lorasteer import export
from lorasteer.changes import ComposedChange, compose
from lorasteer.errors import SessionError
from lorasteer.evaluation.table import cell
from lorasteer.records import Evaluation, Event, Record, Request, Snapshot
from lorasteer.session import steps as kinds
from lorasteer.session.history import BASE
from lorasteer.session.rehearsal import check_steps
from lorasteer.session.session import Session
from lorasteer.session.steps import MAKING, UNLOGGED, AnyStep
from lorasteer.store import check_out

TOLD = ("forget_accuracy", "forget_test_accuracy", "retain_test_accuracy")
"""Measurements that a line of a script tells."""
LOGGED_ALONE = frozenset({"undo", "go", "stop"})
"""Steps that one event is all of."""


class Played(Record):
    """One step that was done."""

    step: int
    """Its number in the script, counted from 1."""
    action: str
    """What was done."""
    state: str
    """State of the session after it."""
    head: int
    """The iteration in force after it."""
    made: int | None = None
    """The iteration it made."""
    tensors: str = ""
    """Digest of the numbers of the change in force; empty for the base."""
    strength: float | None = None
    """Strength of the change in force, or the one that was looked at."""
    values: dict[str, float | None] = {}
    """What was measured, by metric."""
    words: tuple[str, ...] = ()
    """What a person should not miss."""
    seconds: float = 0.0
    """Wall time of the step."""

    @property
    def line(self) -> str:
        """The step in one line.

        Example:
            >>> Played(step=2, action="undo", state="reviewing", head=1, values={"forget_accuracy": 0.5}).line
            'step 2 undo: iteration 1 is in force; forget accuracy 50.00%'
        """
        place = "the base is in force" if self.head == BASE else f"iteration {self.head} is in force"
        measured = [f"{name.replace('_', ' ')} {cell(self.values[name], 'share')}" for name in TOLD if name in self.values]
        at = f"at strength {self.strength:g}: " if self.strength not in (None, 1) else ""
        told = f"; {at}{', '.join(measured)}" if measured else f": {' '.join(self.words)}" if self.words else ""
        return f"step {self.step} {self.action}: {place}{told}"


def done_already(steps: Sequence[AnyStep], events: Sequence[Event]) -> int:
    """How many steps of a script the log of its run says are done; a step that was cut off is not.

    Args:
        steps: The script.
        events: The log of the run.

    Raises:
        SessionError: The run was steered otherwise than the script says.
    """
    place = 0
    for event in events:
        if event.action == "finished" and event.detail.get("state") == "reviewing":
            place += 1
            continue
        if event.action in ("begin", "finished", "interrupt", "failed", "recovered"):
            continue
        expected = place + next((shift for shift, step in enumerate(steps[place:]) if step.action not in UNLOGGED), 0)
        if expected >= len(steps) or steps[expected].action != event.action:
            wanted = f"step {expected + 1} is {steps[expected].action!r}" if expected < len(steps) else "it has no further step"
            raise SessionError(
                f"run {event.run} was steered otherwise than this script: {wanted}, but event {event.seq} of the log is "
                f"{event.action!r}. Resume it without the script, or begin a new run."
            )
        place = expected + (event.action in LOGGED_ALONE)
    return place


def play(
    session: Session, steps: Sequence[AnyStep], request: Request | None = None, *, folder: Path | None = None
) -> Iterator[Played]:
    """Do the steps that are not done yet, one after another. All are checked before the first of them is done.

    Args:
        session: A new session, or one that this script has begun.
        steps: The whole script.
        request: What the command line asks for; the first step builds on it.
        folder: Where the folders of exports lie; where the program runs when left out.

    Raises:
        SessionError: A step is not possible where it stands, or the session was steered otherwise.
    """
    first = done_already(steps, session.store.events(session.id))
    rest = steps[first:]
    check_steps(rest, request, state=session.state, history=session.history, first=first + 1)
    player = Player(session, request, folder or Path())
    for number, step in enumerate(rest, first + 1):
        began = time.perf_counter()
        told = player.do(step)
        yield _played(session, number, step, told, time.perf_counter() - began)


class Player:
    """Maps steps to calls of a session; what a script and a keyboard have in common.

    Args:
        session: The session.
        request: What a first step builds on.
        folder: Where the folders of exports lie.
    """

    def __init__(self, session: Session, request: Request | None, folder: Path) -> None:
        self.session, self.request, self.folder = session, request, folder
        self.dialled: float | None = None
        """Strength that was looked at last; None once something else was done."""

    def do(self, step: AnyStep) -> Evaluation | tuple[str, ...] | None:
        """Do a step; gives what it has to say beside the head's own numbers."""
        match step:
            case kinds.Dial():
                self.dialled = step.strength
                return self.session.dial(step.strength)
            case kinds.Compare():
                return self.session.compare(step.before, step.after).words
            case kinds.Export():
                return (f"written to {self._export(step)}.",)
        self._move(step)
        self.dialled = None
        return None

    def _move(self, step: AnyStep) -> None:
        session, why = self.session, step.why
        match step:
            case kinds.Start():
                session.start(step.request(self.request), why=why)
            case kinds.Continue():
                session.continue_(why=why)
            case kinds.Adjust():
                session.adjust(step.request(self.asked()), why=why)
            case kinds.Also():
                session.also(step.request(self.asked()), why=why)
            case kinds.Commit():
                session.commit(self._strength(step), why=why)
            case kinds.Combine():
                session.combine(step.one, step.other, why=why)
            case kinds.Drop():
                session.drop(step.number, why=why)
            case kinds.Undo():
                session.undo(why=why)
            case kinds.Go():
                session.go(step.number, why=why)
            case kinds.Stop():
                session.stop(why=why)

    def asked(self) -> Request | None:
        """What the head was asked for; on the base, what was asked for last."""
        current = self.session.current
        last = current or next(reversed(self.session.iterations), None)
        return last.request if last else self.request

    def _strength(self, step: kinds.Commit) -> float:
        if step.strength is not None:
            return step.strength
        current = self.session.current
        return self.dialled if self.dialled is not None else current.change.strength if current else 1.0

    def _export(self, step: kinds.Export) -> Path:
        return take_away(self.session, self.folder / step.folder, step.number, merged=step.merged)


def take_away(session: Session, folder: Path, number: int | None = None, *, merged: bool = False) -> Path:
    """Write the adapter of an iteration, or the whole model, with its report.

    Args:
        session: The session.
        folder: Where to; an earlier export there is replaced.
        number: The iteration; the head when left out.
        merged: Write the whole model.

    Raises:
        SessionError: The head is the base, which has nothing to take away, or there is no such iteration.
        PlanError: The change is no adapter, so only the whole model can be written.
        StoreError: The folder cannot be written, or holds something else.
    """
    number = session.head if number is None else number
    if number == BASE:
        raise SessionError("the head is the untouched base, which has nothing to export; go to an iteration first.")
    iteration, change = session.past[number], session.past.change(number)
    check_out(folder, (*(export.MERGED_FILES if merged else export.ADAPTER_FILES), export.REPORT), overwrite=True)
    if merged:
        export.export_merged(change, session.bench.base, folder)
    else:
        # adapters of several targets, kept apart in the session, leave it as one
        joined = compose(session.bench.base, [change]) if isinstance(change, ComposedChange) else change
        export.export_adapter(joined, folder)
    export.write_report(Snapshot(run=session.store.load(session.id), iteration=iteration), folder)
    return folder


def _played(session: Session, number: int, step: AnyStep, told: Evaluation | tuple[str, ...] | None, seconds: float) -> Played:
    current, change = session.current, session.change
    evaluation = told if isinstance(told, Evaluation) else current.evaluations[-1] if current and told is None else None
    strength = step.strength if isinstance(step, kinds.Dial) else current.change.strength if current else None
    return Played(
        step=number, action=step.action, state=session.state, head=session.head, strength=strength,
        made=session.head if step.action in MAKING else None, tensors=change.record.tensors if change else "",
        values={m.name: m.value for m in evaluation.measurements} if evaluation else {},
        words=told if isinstance(told, tuple) else (), seconds=round(seconds, 3),
    )  # fmt: skip
