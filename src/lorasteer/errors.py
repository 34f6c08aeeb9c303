"""Every error a user can meet. Each says what was wrong, what came, what is allowed, and the next step.

LorasteerError
├── UserError                 the request, the data or a file is not as it must be; the CLI prints one line and exits 2
│   ├── RequestError          target, intensity or direction cannot be understood or selects nothing usable
│   ├── PlanError             a method or one of its settings is unknown, out of range or does not fit this model
│   ├── DataError             a data set cannot be read or breaks its own description
│   ├── WeightsError          a weight file is missing, damaged, of another format or of another model
│   ├── StoreError            a folder cannot be written or read (full disk, no permission, broken manifest)
│   └── SessionError          a session cannot do this now; the message says what it can
├── TrainingDiverged          a loss became NaN or infinite; `last_good` tells which step was kept
└── Interrupted               a person stopped the work; what is done so far is kept; the CLI exits 130
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LorasteerError(Exception):
    """Base of every error raised on purpose by lorasteer."""


class UserError(LorasteerError):
    """Something the user gave cannot be used; the message is one complete line."""


class RequestError(UserError):
    """A target, intensity or direction is not understood or selects nothing usable."""


class PlanError(UserError):
    """A method or setting is unknown, out of range, or does not fit this model."""


class DataError(UserError):
    """A data set cannot be read, or breaks its own description."""


class WeightsError(UserError):
    """A weight file is missing, damaged, of another format, or of another model."""


class StoreError(UserError):
    """A folder cannot be written or read."""


class SessionError(UserError):
    """An action is not possible in the state a session is in, or on the iteration it is asked for."""


class TrainingDiverged(LorasteerError):  # noqa: N818 - a state of the training, named as people say it
    """The loss became NaN or infinite.

    Attributes:
        step: Optimiser step at which the loss was no longer finite.
        last_good: Last step whose weights are finite and were kept; 0 is the starting point.
    """

    def __init__(self, step: int, last_good: int) -> None:
        self.step, self.last_good = step, last_good
        super().__init__(
            f"the loss is not finite at step {step}; the weights of step {last_good} are kept. "
            "Lower the learning rate or the intensity and run again."
        )

    def __reduce__(self) -> tuple[type[TrainingDiverged], tuple[int, int]]:
        """Travels between processes: made again from its numbers, not from its message."""
        return TrainingDiverged, (self.step, self.last_good)


class Interrupted(LorasteerError):  # noqa: N818 - a state of the work, not a fault
    """A person stopped the work; the message says what was kept and how to go on."""


def choices(given: str, allowed: Iterable[str]) -> str:
    """Words for an unknown name: the nearest allowed names first, then all of them.

    Args:
        given: What the user wrote.
        allowed: Names that would have been accepted.

    Returns:
        A clause ending in a full stop.

    Example:
        >>> choices("cta", ["cat", "dog"])
        "Did you mean 'cat'? Allowed: cat, dog."
    """
    names = [str(name) for name in allowed]
    near = difflib.get_close_matches(str(given), names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(names) if len(names) <= 30 else ", ".join(names[:30]) + f", … ({len(names)} in all)"
    return f"{hint}Allowed: {listed}."
