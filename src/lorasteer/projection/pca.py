"""Principal axes, frozen: the picture follows the features at once, and shows only what lies along two axes."""

from __future__ import annotations

from dataclasses import dataclass

from lorasteer.projection.layout import PROJECTIONS, Positions
from lorasteer.projection.seen import Seen


@dataclass(frozen=True, eq=False)
class Axes:
    """Points along the first two axes of the basis.

    Args:
        positions: Where they lie, float64[n, 2].
    """

    positions: Positions
    left: int = 0
    kl: None = None

    def towards(self, seen: Seen) -> Axes:
        """Other features along the same axes."""
        return Axes(seen.picture.astype(float))

    def step(self, iterations: int) -> Axes:
        """The same: there is nothing to improve."""
        return self


@PROJECTIONS.add("pca", package=None, extra=None)
class PCA:
    """First two principal axes of the first features; instant."""

    def begin(self, seen: Seen, seed: int) -> Axes:
        """Points along the axes."""
        return Axes(seen.picture.astype(float))

    def resume(self, seen: Seen, positions: Positions, seed: int, done: int) -> Axes:
        """Points where they were."""
        return Axes(positions)
