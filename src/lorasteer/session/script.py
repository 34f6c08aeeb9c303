"""A script in place of a person: the same engine, the same log. What the log says is done is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lorasteer import export
from lorasteer.changes import ComposedChange, compose
from lorasteer.errors import SessionError
from lorasteer.evaluation.table import cell
from lorasteer.records import Evaluation, Event, Record, Request, Snapshot
from lorasteer.session import steps as kinds
from lorasteer.session.found import Found
from lorasteer.session.goal import Budget
from lorasteer.session.history import BASE
from lorasteer.session.rehearsal import check_steps
from lorasteer.session.seeking import never, tries_of
from lorasteer.session.session import Session
from lorasteer.session.steps import MAKING, UNLOGGED, AnyStep
from lorasteer.store import check_out

TOLD = (
    "forget_accuracy", "forget_test_accuracy", "retain_test_accuracy",
    "forget_probability", "forget_test_probability", "retain_probability",
)  # fmt: skip
"""Measurements that a line of a script tells, where they are taken."""
LOGGED_ALONE = frozenset({"undo", "go", "stop", "found"})
"""Events that end a step: it is all of them, or the last of them."""
BY_THE_PROGRAM = frozenset({"begin", "finished", "interrupt", "failed", "recovered", "audit"})
"""Events that say nothing about which step is meant."""
WHILE_SEEKING = frozenset({"goal", "go", "commit"})
"""Events of a search for a goal: its tries, and putting the best one in force."""


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
        told = f": {' '.join(self.words)}" if self.words else f"; {at}{', '.join(measured)}" if measured else ""
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
        expected = place + next((shift for shift, step in enumerate(steps[place:]) if step.action not in UNLOGGED), 0)
        seeking = expected < len(steps) and steps[expected].action == "goal"
        if event.action == "finished" and event.detail.get("state") == "reviewing" and not seeking:
            place += 1
            continue
        if event.action in BY_THE_PROGRAM or (seeking and event.action in WHILE_SEEKING):
            continue
        wanted = "found" if seeking else steps[expected].action if expected < len(steps) else ""
        if wanted != event.action:
            raise SessionError(_otherwise(event, steps, expected))
        place = expected + (event.action in LOGGED_ALONE)
    return place


def _otherwise(event: Event, steps: Sequence[AnyStep], expected: int) -> str:
    wanted = f"step {expected + 1} is {steps[expected].action!r}" if expected < len(steps) else "it has no further step"
    return (
        f"run {event.run} was steered otherwise than this script: {wanted}, but event {event.seq} of the log is "
        f"{event.action!r}. Resume it without the script, or begin a new run."
    )


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
    events = session.store.events(session.id)
    first = done_already(steps, events)
    rest = steps[first:]
    check_steps(rest, request, state=session.state, history=session.history, first=first + 1)
    player = Player(session, request, folder or Path(), tried=tries_of(events))
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
        tried: Tries that an earlier process took of a search that is gone on with.
        until: Asked between the tries of a search; a true answer ends it.
    """

    def __init__(
        self, session: Session, request: Request | None, folder: Path, *, tried: int = 0, until: Callable[[], bool] = never
    ) -> None:
        self.session, self.request, self.folder, self.tried, self.until = session, request, folder, tried, until
        self.dialled: float | None = None
        """Strength that was looked at last; None once something else was done."""

    def do(self, step: AnyStep) -> Evaluation | tuple[str, ...] | None:
        """Do a step; gives what it has to say beside the head's own numbers."""
        match step:
            case kinds.Dial():
                self.dialled = step.strength
                return self.session.dial(step.strength)
            case kinds.Compare():
                return self.session.compare(step.before, step.after).story
            case kinds.Export():
                return (f"written to {self._export(step)}.",)
        words = None
        if isinstance(step, kinds.Seek):
            words = self._seek(step).words
        else:
            self._move(step)
        self.dialled = None
        return words

    def _seek(self, step: kinds.Seek) -> Found:
        budget = Budget(tries=max(0, step.tries - self.tried), seconds=step.seconds)
        self.tried = 0
        request = step.request(self.asked())
        return self.session.seek(
            request, step.goal(self.session.bench.usual_goal), budget=budget, layers=step.layers, until=self.until, why=step.why
        )

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
    moved = told is None or isinstance(step, kinds.Seek)
    evaluation = told if isinstance(told, Evaluation) else current.evaluations[-1] if current and moved else None
    strength = step.strength if isinstance(step, kinds.Dial) else current.change.strength if current else None
    return Played(
        step=number, action=step.action, state=session.state, head=session.head, strength=strength,
        made=session.head if step.action in MAKING else None, tensors=change.record.tensors if change else "",
        values={m.name: m.value for m in evaluation.measurements} if evaluation else {},
        words=told if isinstance(told, tuple) else (), seconds=round(seconds, 3),
    )  # fmt: skip
