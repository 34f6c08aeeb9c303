"""What goes along with one run of a method: who watches it, and what it goes on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from lorasteer.changes import Change
from lorasteer.tasks.training import Observer


@dataclass(frozen=True)
class Start:
    """What a training goes on from, in place of the untouched base.

    Args:
        change: The change so far; its numbers at its own strength are where the training begins.
        resume: The state of the training that made it, as `change.resume` holds it: the run then goes on as if that training had
            never ended. None begins with a fresh optimiser and the first epoch's order.
    """

    change: Change
    resume: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Course:
    """How one run is accompanied.

    Args:
        observers: Told of every step; a true answer stops the work and leaves a usable change.
        start: What it goes on from; None begins at the base.
    """

    observers: Sequence[Observer] = ()
    start: Start | None = None

    @property
    def resume(self) -> Mapping[str, Tensor] | None:
        """The state of an earlier training, if this one continues it."""
        return self.start.resume if self.start else None
