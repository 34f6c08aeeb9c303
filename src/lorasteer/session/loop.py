"""The steps of the loop, for one task each: work with an end that is always kept, unlearn, evaluate, feedback, decide."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lorasteer.changes import Change, on_top
from lorasteer.errors import StoreError, TrainingDiverged
from lorasteer.records import Calibration, Evaluation, Iteration
from lorasteer.session.calibration import calibration_of, point_of
from lorasteer.session.feedback import Feedback, feedback_on
from lorasteer.session.history import BASE
from lorasteer.session.keeping import iteration_record
from lorasteer.session.orders import Task
from lorasteer.session.past import Past
from lorasteer.session.shifts import Side
from lorasteer.session.standing import PROGRAM, Detail, Standing
from lorasteer.session.states import BUSY
from lorasteer.tasks.activations import halting
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.training import Progress

Retrained = Callable[[Splits], Sequence[Base]]
"""Gives the models, trained without the forget set, that a round is compared with."""

UNCHANGED = "no later state was nearer to the aim, so the change is what it was; adjust to ask for more."


class Loop(Standing):
    """What a session does for a person, step by step.

    Args:
        past: What has been made so far, and where it is kept.
        state: A state of the transition table.
        actor: Who steers, for the log.
        retrained: Gives the retrained models that a round is compared with.
    """

    def __init__(self, past: Past, state: str, actor: str, retrained: Retrained) -> None:
        super().__init__(past, state, actor)
        self.retrained = retrained
        self.stopping = threading.Event()
        self.reports: dict[int, Feedback] = {}
        self.task: Task | None = None
        """What is worked on, or was last."""
        self._models: dict[str, Sequence[Base]] = {}

    @contextlib.contextmanager
    def working(self, action: str, task: Task, why: str) -> Iterator[None]:
        """Enter the work; should it break off, the head stays where it was and the error is kept."""
        self.stopping.clear()
        self.task = task
        plan, request = task.translation.plan, task.request.model_dump(mode="json")
        self.move(action, why=why, detail={"parent": task.parent, "request": request, "plan": plan.digest})
        try:
            yield
        except BaseException as error:
            if self.state in BUSY:
                # the disk may be what failed: then the session goes on in memory, and `open` finds it recovered
                with contextlib.suppress(StoreError):
                    self.move("failed", actor=PROGRAM, detail={"error": str(error), "kind": type(error).__name__})
                self.state = "reviewing"
            raise

    def unlearn(self, task: Task) -> Change:
        """Train, unless the change is ready.

        Raises:
            TrainingDiverged: The loss was not finite; nothing of it is kept.
            Interrupted: The person stopped it before the first step.
        """
        if task.ready is not None:
            return task.ready
        with halting(self.stopping.is_set):
            own = self.bench.unlearn(task.translation, [self._watch], start=task.start, beneath=task.beneath)
        if own.record.training.reason == "diverged":
            raise TrainingDiverged(own.record.training.steps, 0)
        return on_top(self.bench.base, task.beneath, own)

    def _watch(self, progress: Progress) -> bool:
        self.tell(progress)
        return self.stopping.is_set()

    def evaluate(self, task: Task, change: Change, why: str) -> Iteration:
        """Measure the change beside the base and the retrained models; the record says all of it."""
        notes, number = change.record.training, self.past.history.next
        stopped = task.ready is None and notes.reason == "stopped"
        if task.ready is None:
            detail: Detail = notes.model_dump(mode="json", include={"steps", "kept_step", "reason", "seconds"})
            self.move("interrupt" if stopped else "finished", actor="" if stopped else PROGRAM, detail=detail)
        done = self.bench.measure(task.request, task.translation, change, retrained=self.compared(task.translation.splits))
        if task.start and task.start.resume and self.past.change(task.parent).record.tensors == change.record.tensors:
            done = replace(done, remarks=(UNCHANGED, *done.remarks))
        self.past.translation.hold(number, task.translation)
        self.past.outputs.hold(number, done.outputs)
        self.past.change.hold(number, change)
        return iteration_record(
            done, number=number, parent=task.parent, action=task.action, combined=task.combined, beneath=task.numbers, note=why,
            interrupted=stopped,
        )  # fmt: skip

    def compared(self, splits: Splits) -> Sequence[Base]:
        """The retrained models for some splits, asked for once."""
        if splits.digest not in self._models:
            self._models[splits.digest] = self.retrained(splits)
        return self._models[splits.digest]

    def feedback(self, iteration: Iteration, before: int | None = None) -> Feedback:
        """What an iteration changed.

        Args:
            iteration: The iteration.
            before: Compare with this one; when left out with its parent, or with the base where the parent was asked for
                something else.
        """
        if before is None:
            alike = iteration.parent != BASE and self.past[iteration.parent].splits == iteration.splits
            before = iteration.parent if alike else BASE
        now, base = self.side(iteration.number, iteration), self.base_side(iteration)
        was = self.side(before, iteration) if before != BASE else base
        return self.told(base, was, now, iteration)

    def told(self, base: Side, before: Side, after: Side, iteration: Iteration) -> Feedback:
        """How two models differ, both asked what an iteration was asked."""
        shifts = self.bench.shifts(base, before, after, iteration.plan, self.past.translation(iteration.number))
        return feedback_on(before, after, iteration, shifts)

    def base_side(self, iteration: Iteration) -> Side:
        """The base, asked what an iteration was asked."""
        return Side(BASE, iteration.evaluations[0], self.bench.known(self.past.translation(iteration.number))[0])

    def side(self, number: int, iteration: Iteration) -> Side:
        """Another iteration, asked what this one was asked."""
        other = iteration if number == iteration.number else self.past[number]
        change = self.past.change(number)
        if other.splits == iteration.splits and other.plan.weights == iteration.plan.weights:
            return Side(number, other.evaluations[-1], self.past.outputs(number), change)
        translation = self.past.translation(iteration.number)
        outputs = self.bench.outputs(change, translation)
        return Side(number, self.measured(outputs, iteration.number), outputs, change)

    def measured(self, outputs: Any, number: int) -> Evaluation:
        """Measure outputs by what an iteration was asked."""
        translation = self.past.translation(number)
        return self.bench.evaluate(outputs, translation, retrained=self.compared(translation.splits))

    def decide(self, iteration: Iteration, change: Change) -> Iteration:
        """Keep the iteration and put the person in charge."""
        self.keep(iteration, change, why=iteration.note, detail={"did": iteration.action})
        # at hand for the dial, without the state of its training, which is read when it is gone on from
        self.past.change.hold(iteration.number, change.at(change.record.strength))
        point = point_of(self.past, iteration)
        if point is not None:
            with contextlib.suppress(StoreError):  # the iteration is kept; a lesson less is no reason to fail
                self.store.add_point(point)
        return iteration

    def calibration(self) -> Calibration:
        """What the runs in this store taught about intensities on this base; its `words` say it."""
        return calibration_of(self.store, self.bench.base.digest)

    def reset_calibration(self) -> int:
        """Forget what the runs taught about intensities on this base, and return how many measured points that were.

        Raises:
            StoreError: The store cannot be written.
        """
        return self.store.clear_points(self.bench.base.digest)
