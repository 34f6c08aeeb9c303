"""A person in the loop: ask, look, go on, change one's mind, go back, stop. Everything is kept as it happens.

`Session._round` is the loop itself, a line for each of its five steps; the actions around it only say what it starts from. There
is nothing of a user interface here: listeners are told of every event and every training step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from rich.console import RenderableType

from lorasteer.errors import DataError, WeightsError
from lorasteer.records import Evaluation, Iteration, Request, RunRecord
from lorasteer.session import orders, seeking, shown_html, shown_rich
from lorasteer.session.bench import Bench
from lorasteer.session.feedback import Feedback
from lorasteer.session.found import Found
from lorasteer.session.goal import Budget, Goal
from lorasteer.session.history import History
from lorasteer.session.keeping import run_record
from lorasteer.session.loop import Loop, Retrained
from lorasteer.session.orders import Task
from lorasteer.session.past import Past
from lorasteer.session.sequence import Effects, effects
from lorasteer.session.standing import PROGRAM
from lorasteer.session.states import BUSY
from lorasteer.store import RunStore
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Splits


def no_retrained(splits: Splits) -> Sequence[Base]:
    """Nothing to compare with."""
    return ()


class Session(Loop):
    """One run that a person steers. Made by `begin` or `open`; while it is open, no other process writes to its store.

    It may be used in a `with` statement, which closes it: another process may write then, and `open` finds it as it was.

    Attributes:
        id: Id of the run.
        state: Where it stands: `idle`, `unlearning`, `evaluating`, `reviewing` or `closed`.
        allowed: What a person may do now.
        head: The iteration in force; 0 is the untouched base.
        current: Its record; None while that is the base.
        change: Its change; None while that is the base.
        iterations: All iterations in the order in which they were made.
        history: The tree that they form.
        listeners: Called with every line of the log as it is written, and with every training step.
    """

    @classmethod
    def begin(
        cls, bench: Bench[Any, Any], store: RunStore, *, name: str = "", base_folder: Path | str = "", actor: str = "person",
        retrained: Retrained = no_retrained,
    ) -> Self:  # fmt: skip
        """A new session on a base.

        Args:
            bench: Base and data.
            store: Where to keep it.
            name: What the person calls it.
            base_folder: Where the base lies, to find it again.
            actor: Who steers, for the log.
            retrained: Gives the retrained models that a round is compared with; none when left out.

        Raises:
            StoreError: The store cannot be written, or another process writes to it.
        """
        run = run_record(bench, base_folder, name=name)
        session = cls(Past(bench, store, run.id, History(), {}), run.state, actor, retrained)
        store.begin(run, actor=actor)
        return session

    @classmethod
    def open(
        cls, bench: Bench[Any, Any], store: RunStore, name: str, *, actor: str = "person", retrained: Retrained = no_retrained
    ) -> Self:
        """A session that was begun before, at its last complete iteration, whatever became of the process it ran in.

        Args: as `begin`; `name` is the id of the run.

        Raises:
            StoreError: There is no such run, it is damaged, another process writes to the store, or another session of this
                process steers the run.
            WeightsError: It was begun on another base.
            DataError: It was begun on other data.
        """
        run, iterations = store.load(name), store.iterations(name)
        _check_material(run, bench)
        numbered = {iteration.number: iteration for iteration in iterations}
        session = cls(Past(bench, store, run.id, History.of(iterations, run.head), numbered), run.state, actor, retrained)
        if session.state in BUSY:
            session.move("recovered", actor=PROGRAM, detail={"was": run.state})
        return session

    def _round(self, action: str, order: Callable[[], Task], why: str) -> Iteration:
        """One pass of Algorithm 1; returns with the person in charge again.

        Args:
            action: What the person does.
            order: Makes the task of it.
            why: The person's reason.
        """
        self.check(action)
        task = order()  # translate: what, how, and from where; a refusal leaves everything as it was
        with self.working(action, task, why):
            change = self.unlearn(task)
            iteration = self.evaluate(task, change, why)
            self.reports[iteration.number] = self.feedback(iteration)
            return self.decide(iteration, change)

    def start(self, request: Request, *, why: str = "") -> Iteration:
        """Forget, from the base.

        Args:
            request: What, how strongly, along which meaning, by which method.
            why: The reason, for the log.

        Raises:
            SessionError: It is not the time for it.
            RequestError: The target or direction selects nothing usable.
            PlanError: The method or a setting does not fit.
        """
        return self._round("start", lambda: orders.begun(self.past, request), why)

    def attempt(self, request: Request, *, why: str = "") -> Iteration:
        """One try on the way to a goal: forget from the base, whatever is in force. Raises as `start` does."""
        return self._round("goal", lambda: orders.begun(self.past, request, action="goal"), why)

    def seek(
        self, request: Request, goal: Goal | None = None, *, budget: Budget | None = None,
        layers: Sequence[tuple[str, ...]] = (), until: Callable[[], bool] = seeking.never, why: str = "",
    ) -> Found:  # fmt: skip
        """Search for a plan that reaches a goal; every try is an iteration, from the base, and the best is put in force.

        Args:
            request: Target, direction, method and what is set by hand; its intensity is varied.
            goal: What is wanted; the usual one when left out.
            budget: When to give up; the usual one when left out.
            layers: Sets of modules to choose from.
            until: Asked between tries; a true answer ends the search. `interrupt` ends it, too.
            why: The reason, for the log.

        Raises:
            SessionError: It is not the time for it.
            RequestError: The target selects nothing usable, or a goal makes no sense for it.
            PlanError: The method or a setting does not fit.
        """
        return seeking.seek(self, request, goal, budget=budget, layers=layers, until=until, why=why)

    def continue_(self, *, why: str = "") -> Iteration:
        """Train on from the head by its plan, as if its training had never ended.

        Raises:
            SessionError: It is not the time for it, or the head's method has nothing to go on with.
        """
        return self._round("continue", lambda: orders.continued(self.past), why)

    def adjust(self, request: Request, *, why: str = "") -> Iteration:
        """Ask for something else: on from the head where more is asked of the same examples, else anew.

        The plan's `because` says which of the two. Raises as `start` does.
        """
        return self._round("adjust", lambda: orders.adjusted(self.past, request), why)

    def also(self, request: Request, *, why: str = "") -> Iteration:
        """Forget another target on top of what is forgotten. Raises as `start` does.

        The new adapter learns with the earlier changes in force, and each of them can be taken back alone with `drop`.
        """
        return self._round("also", lambda: orders.added(self.past, request), why)

    def drop(self, number: int, *, why: str = "") -> Iteration:
        """Take back the request of one iteration and keep the others that are in force.

        Raises:
            SessionError: It is not the time for it, or that request is not in force, or is the only one.
        """
        return self._round("drop", lambda: orders.dropped(self.past, number), why)

    def commit(self, strength: float, *, why: str = "") -> Iteration:
        """Keep the head at a strength, 0 to 1.5, as an iteration; nothing is trained.

        Raises:
            SessionError: It is not the time for it.
            WeightsError: The strength is out of range.
        """
        return self._round("commit", lambda: orders.committed(self.past, strength), why)

    def combine(self, one: int, other: int, *, why: str = "") -> Iteration:
        """Join two iterations: the sum of their adapters. It goes on from the first.

        Raises:
            SessionError: It is not the time for it, or the two cannot be joined.
        """
        return self._round("combine", lambda: orders.combined(self.past, one, other), why)

    def interrupt(self) -> None:
        """Stop the training at its next step and keep what it has made; returns at once, and may be called from any thread.

        Raises:
            SessionError: Nothing is being trained.
        """
        with self.guard:
            self.check("interrupt")
            self.stopping.set()

    def undo(self, *, why: str = "") -> int:
        """Move the head to the iteration it went on from, and return its number; nothing is removed.

        Raises:
            SessionError: It is not the time for it, or the head is the base.
        """
        self.move("undo", head=self.past.history.undone().head, why=why, detail={"from": self.head})
        return self.head

    def go(self, number: int, *, why: str = "") -> None:
        """Move the head to any iteration, or to the base, 0.

        Raises:
            SessionError: It is not the time for it, or there is no such iteration.
        """
        self.move("go", head=self.past.history.moved(number).head, why=why, detail={"from": self.head})

    def stop(self, *, why: str = "") -> None:
        """End the session; everything stays to be read, compared and exported.

        Raises:
            SessionError: It is not the time for it.
        """
        self.move("stop", why=why)
        self.close()

    def dial(self, strength: float) -> Evaluation:
        """What the head would be at another strength, 0 to 1.5: measured without training, and not kept.

        Raises:
            SessionError: It is not the time for it.
            WeightsError: The strength is out of range.
        """
        self.check("dial")
        outputs = self.bench.outputs(self.past.change(self.head), self.past.translation(self.head), strength=strength)
        return self.measured(outputs, self.head)

    def report(self, number: int | None = None) -> Feedback:
        """What an iteration changed since its parent; the head when no number is given.

        Raises:
            SessionError: There is no such iteration.
        """
        number = self.head if number is None else number
        if number not in self.reports:
            self.reports[number] = self.feedback(self.past[number])
        return self.reports[number]

    def compare(self, before: int, after: int) -> Feedback:
        """What is different between two iterations, both asked what the second was asked.

        Args:
            before: An iteration, or 0 for the base.
            after: Another iteration.

        Raises:
            SessionError: There is no such iteration.
        """
        return self.feedback(self.past[after], before)

    def effects(self) -> Effects:
        """What each step up to the head did to every target, and to what nobody asked to forget.

        Raises:
            SessionError: The head is the base.
        """
        return effects(self.past)

    def view(self) -> Any:
        """Open the workbench in the browser on this session, and show a link to it.

        The session is closed here, because the workbench takes its right to write. After `close` on what this gives,
        `Session.open` opens it again. Needs the `web` extra.

        Raises:
            SessionError: It is at work, it works on a language model, or another process cannot load its base and data.
        """
        return import_module("lorasteer.web.notebook").view(self)  # by name: nothing below the interfaces may import one

    def __rich__(self) -> RenderableType:
        return shown_rich.drawn(self)

    def _repr_html_(self) -> str:
        return shown_html.page(self)


def _check_material(run: RunRecord, bench: Bench[Any, Any]) -> None:
    if run.base != bench.base.digest:
        raise WeightsError(
            f"run {run.id} was begun on base {run.base[:12]}, got base {bench.base.digest[:12]}; "
            f"open it with the base it was begun on{f' ({run.base_folder})' if run.base_folder else ''}."
        )
    if run.data_digest != bench.data.digest:
        raise DataError(
            f"run {run.id} was begun on data {run.data_digest[:12]} ({run.data}), got {bench.data.digest[:12]}; "
            "open it with the data it was begun on."
        )
