"""What is known before anything is projected: the points, their features at one moment, and who is near whom in these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.projection.basis import Basis
from lorasteer.projection.neighbours import Neighbours, nearest, purity

NEIGHBOURS = 90
"""Neighbours of a point that a projection listens to: three times the perplexity of 30."""


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a map, whatever their features.

    Args:
        labels: Class of each point, int64[n].
        target: Whether a point is of the target, bool[n]; None where there is no target.

    Raises:
        DataError: There is no point, or the target does not go with the labels.
    """

    labels: NDArray[np.int64]
    target: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or not len(self.labels):
            raise DataError(f"labels have shape {self.labels.shape}; allowed is [n] with n >= 1. Give one for each point.")
        if self.target is not None and (self.target.shape != self.labels.shape or self.target.dtype != np.bool_):
            raise DataError(
                f"the target has shape {self.target.shape} and type {self.target.dtype}; allowed is shape {self.labels.shape} "
                "and type bool. Give a truth value for each point."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def purities(self, index: NDArray[np.int32]) -> tuple[float | None, float | None]:
        """Neighbour purity of all points, and of the target's alone; None where not defined."""
        return purity(index, self.labels), None if self.target is None else purity(index, self.labels, self.target)


@dataclass(frozen=True, eq=False)
class Seen:
    """Features of the points at one moment.

    Args:
        points: Their classes.
        features: Finite numbers, float32[n, d].
        basis: Principal axes, of the first features of the map.
        neighbours: Nearest points among the features themselves. The basis plays no part: it is blind to directions
            that were narrow when it was made, and unlearning may push points along just these.
    """

    points: Points
    features: NDArray[np.float32]
    basis: Basis
    neighbours: Neighbours

    @classmethod
    def of(cls, features: NDArray[np.float32], points: Points, basis: Basis | None = None) -> Seen:
        """Look at features, along a basis of their own where none is given.

        Raises:
            DataError: The features do not go with the points or the basis, or are not finite.
        """
        rows = _checked(features, points, basis)
        return cls(points, rows, basis or Basis.of(rows), nearest(rows, NEIGHBOURS))

    @cached_property
    def picture(self) -> NDArray[np.float32]:
        """Where the points lie along the first two axes of the basis, float32[n, 2]."""
        return self.basis.picture(self.features)

    @cached_property
    def purities(self) -> tuple[float | None, float | None]:
        """Neighbour purity in the features: of all points, and of the target's alone."""
        return self.points.purities(self.neighbours.index)


def _checked(features: NDArray[np.float32], points: Points, basis: Basis | None) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(features, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(points) or not rows.shape[1]:
        raise DataError(
            f"features of shape {rows.shape} do not go with {len(points)} labels; allowed is [{len(points)}, d] with d >= 1. "
            "Give one row for each point."
        )
    if basis is not None and rows.shape[1] != basis.axes.shape[1]:
        raise DataError(
            f"features have {rows.shape[1]} columns, the map began with {basis.axes.shape[1]}. "
            "Take features from the same layer, or begin a new map."
        )
    bad = int((~np.isfinite(rows)).any(1).sum())
    if bad:
        raise DataError(
            f"features of {bad} of {len(points)} points are not finite; a map needs finite numbers. "
            "Go back to an iteration whose weights are finite."
        )
    return rows
