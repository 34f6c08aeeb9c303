"""From positions to a picture of fixed size, and places for points that had none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lorasteer.projection.layout import Positions
from lorasteer.projection.neighbours import NEAR, nearest

_APART = 1e-3  # spread around a place, per radius, so that no two new points coincide


@dataclass(frozen=True, eq=False)
class Picture:
    """Positions to look at, and how large they were.

    Args:
        positions: float32[n, 2], around (0, 0); an evenly filled disc would have radius 1.
        scale: Lengths of the layout per length here.
    """

    positions: NDArray[np.float32]
    scale: float

    @cached_property
    def near(self) -> NDArray[np.int32]:
        """The nearest points of each point on the picture, [n, 10]."""
        return nearest(self.positions, NEAR).index


def pictured(positions: Positions) -> Picture:
    """Bring a layout to the size of a picture: the root mean square distance from the middle becomes that of a disc of radius 1.

    No single far point decides over the size.

    Example:
        >>> pictured(np.array([[0.0, 0.0], [0.0, 2.0]])).positions[:, 1].tolist()  # half the root of 2
        [-0.7071067690849304, 0.7071067690849304]
    """
    centred = positions - positions.mean(0)
    scale = float(np.sqrt(2 * (centred**2).sum(1).mean())) or 1.0
    return Picture((centred / scale).astype(np.float32), scale)


def placed(features: NDArray[np.float32], known: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """Give points without a place the middle (median) of the places of their nearest neighbours that have one.

    Args:
        features: float32[n, d].
        known: Positions in a picture, float32[n, 2]; NaN where a point has none. At least one has.
        seed: Of the small distance between points placed alike.

    Returns:
        Positions of all points, float32[n, 2]; those that were known to the bit.
    """
    have = np.isfinite(known).all(1)
    if have.all():
        return known.astype(np.float32)
    guides = nearest(features[have], NEAR, queries=features[~have]).index
    middles = np.median(known[have][guides], axis=1)
    filled = known.astype(np.float32)
    filled[~have] = middles + np.random.default_rng(seed).normal(0, _APART, middles.shape)
    return filled
