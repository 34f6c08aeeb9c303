"""What a map process is told. Arrays are plain numpy, so that whoever tells it needs neither torch nor a projection library."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lorasteer.projection.frame import Frame


@dataclass(frozen=True, eq=False)
class Begin:
    """Begin a map, whatever was there.

    Args:
        key: Names the features in every frame that shows them.
        features: float32[n, d].
        labels: Class of each point, int64[n].
        target: Whether a point is of the target, bool[n].
        method: A name in `PROJECTIONS`.
        seed: Same features and seed, same map.
    """

    key: Hashable
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    target: NDArray[np.bool_] | None = None
    method: str = "tsne"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Move:
    """The same points have other features. A later `Move` takes the place of one that was not looked at yet.

    Args:
        key: Names the features.
        features: float32[n, d].
    """

    key: Hashable
    features: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Replace:
    """Other points; those that stay keep their place.

    Args:
        key: Names the features.
        features: Of the new points, float32[n, d].
        labels: Class of each.
        known: Where each lies on the picture, float32[n, 2]; NaN for one that was not on it.
        target: Whether a point is of the target.
    """

    key: Hashable
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    known: NDArray[np.float32]
    target: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Restore:
    """Back to an earlier frame, to the bit; also the first message of a process that goes on with a stored map.

    Args:
        key: Names the features.
        frame: What was shown.
        features: Features that it was of.
        labels: Class of each point.
        target: Whether a point is of the target.
        method: A name in `PROJECTIONS`.
        seed: As the map was begun with.
    """

    key: Hashable
    frame: Frame
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    target: NDArray[np.bool_] | None = None
    method: str = "tsne"
    seed: int = 0


@dataclass(frozen=True)
class Pause:
    """Stop iterating, or go on.

    Args:
        on: True stops; what is sent meanwhile is shown, but does not move.
    """

    on: bool = True


Message = Begin | Move | Replace | Restore | Pause


def queued(waiting: list[Message], new: Message) -> list[Message]:
    """The messages still worth looking at, in order: what a later one makes pointless is dropped.

    A queue never grows: at most one of each kind is left.

    Example:
        >>> [m.key for m in queued([Move(1, None), Move(2, None)], Move(3, None))]
        [3]
    """
    outdated = _OUTDATED[type(new)]
    return [*(message for message in waiting if not isinstance(message, outdated)), new]


_OUTDATED: dict[type[Message], tuple[type[Message], ...]] = {
    Begin: (Begin, Move, Replace, Restore),
    Move: (Move,),
    Replace: (Move, Replace),  # it goes on from the map that is there, or about to be
    Restore: (Begin, Move, Replace, Restore),
    Pause: (Pause,),
}
