"""UMAP, for those who want it: each refresh is a fit that starts at the previous positions.

It jumps more and keeps fewer neighbours than a continued t-SNE, and cannot be watched in between (docs/design/projection.md).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from lorasteer.projection.layout import PROJECTIONS, Positions
from lorasteer.projection.pca import Axes
from lorasteer.projection.seen import Seen

FIRST = 200
"""Epochs of a first map."""
REFRESH = 50
"""Epochs after the features have moved."""
_NEAR = 15
_WIDTH = 10.0  # UMAP puts its start into a square of this width
_FEWEST = _NEAR + 3  # its eigenvectors need a few points more than neighbours


@dataclass(frozen=True, eq=False)
class Fit:
    """Points between two fits.

    Args:
        positions: Where they lie, float64[n, 2].
        seen: Features that the next fit is to draw.
        seed: Same seed, same fit.
        left: Epochs of that fit; 0 when it is done.
    """

    positions: Positions
    seen: Seen
    seed: int
    left: int
    kl: None = None

    def towards(self, seen: Seen) -> Fit:
        """The same points, about to be fitted to other features."""
        return replace(self, seen=seen, left=max(self.left, REFRESH))

    def step(self, iterations: int) -> Fit:
        """The whole fit, however few iterations are asked for: UMAP cannot be stopped in between and go on."""
        return replace(self, positions=_fitted(self), left=0) if self.left else self


def _fitted(fit: Fit) -> Positions:
    start = fit.positions.astype(np.float32)
    start *= _WIDTH / (float(np.ptp(start)) or 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own compiler, and about parts of it that are not used here
        from umap import UMAP  # type: ignore[import-untyped]

        maker = UMAP(n_neighbors=_NEAR, init=start, n_epochs=fit.left, random_state=fit.seed, n_jobs=1)
        return np.asarray(maker.fit_transform(fit.seen.features), dtype=np.float64)


@PROJECTIONS.add("umap", package="umap", extra="umap")
class Umap:
    """Fitted anew from the previous positions; an extra."""

    def begin(self, seen: Seen, seed: int) -> Fit | Axes:
        """Points along the first two principal axes, about to be fitted."""
        return self._at(seen, seen.picture.astype(float), seed, FIRST)

    def resume(self, seen: Seen, positions: Positions, seed: int, done: int) -> Fit | Axes:
        """Points where they were, at rest."""
        return self._at(seen, positions, seed, 0)

    def _at(self, seen: Seen, positions: Positions, seed: int, left: int) -> Fit | Axes:
        return Fit(positions, seen, seed, left) if len(positions) >= _FEWEST else Axes(positions)
