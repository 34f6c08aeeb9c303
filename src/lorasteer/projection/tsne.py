"""t-SNE by openTSNE, continued from where the points lie.

Neighbours come from our own search; openTSNE's would take most of a refresh. Each refresh is 50 iterations at momentum 0.8: with
fewer the map still shows a class together that has dissolved in the features.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from openTSNE import TSNEEmbedding  # type: ignore[import-untyped]
from openTSNE.affinity import Affinities, PerplexityBasedNN  # type: ignore[import-untyped]
from openTSNE.nearest_neighbors import PrecomputedNeighbors  # type: ignore[import-untyped]
from openTSNE.tsne import gradient_descent  # type: ignore[import-untyped]

from lorasteer.projection.layout import PROJECTIONS, Positions
from lorasteer.projection.pca import Axes
from lorasteer.projection.seen import Seen

PERPLEXITY = 30.0
EXAGGERATION = 12.0
EXAGGERATED = 250
"""Iterations with neighbours pulled together, which unfold the first picture."""
FIRST = 500
"""Iterations of a first map, those included."""
REFRESH = 50
"""Iterations after the features have moved."""
MOMENTUM = 0.8
_START = 1e-4  # spread of the first axis that openTSNE wants at the start
_FEWEST = 4  # below it nobody has a choice of neighbours


@dataclass(frozen=True, eq=False)
class Tsne:
    """Points on their way to where t-SNE wants them.

    Args:
        embedding: openTSNE's state: positions, affinities, momentum and gains.
        done: Iterations of the schedule of a first map.
        left: Iterations that the schedule still asks for.
        kl: Divergence of the neighbourhoods on the map from those in the features; None before the first iteration.
    """

    embedding: TSNEEmbedding
    done: int
    left: int
    kl: float | None = None

    @property
    def positions(self) -> Positions:
        """Where the points lie, float64[n, 2]."""
        return np.asarray(self.embedding)

    def towards(self, seen: Seen) -> Tsne:
        """The same points with the affinities of other features, at rest."""
        return replace(self, embedding=_embedding(self.positions, _affinities(seen)), left=max(self.left, REFRESH), kl=None)

    def step(self, iterations: int) -> Tsne:
        """That many iterations on."""
        early = min(iterations, max(0, EXAGGERATED - self.done))
        if not early:
            return self._stepped(self.embedding.optimize(iterations, momentum=MOMENTUM), iterations)
        ahead = self._stepped(self._exaggerated(early), early)
        return ahead.step(iterations - early) if iterations > early else ahead

    def _stepped(self, moved: TSNEEmbedding, count: int) -> Tsne:
        return Tsne(moved, self.done + count, max(0, self.left - count), float(moved.kl_divergence))

    def _exaggerated(self, count: int) -> TSNEEmbedding:
        # openTSNE multiplies the affinities in place and divides them again; a copy keeps the old layout whole to the bit
        affinities = copy.copy(self.embedding.affinities)
        affinities.P = affinities.P.copy()
        own = _embedding(self.positions, affinities, self.embedding.optimizer.copy())
        return own.optimize(count, exaggeration=EXAGGERATION, momentum=MOMENTUM, inplace=True)


def _embedding(positions: Positions, affinities: Affinities, optimizer: gradient_descent | None = None) -> TSNEEmbedding:
    own = np.array(positions, dtype=np.float64, order="C")
    return TSNEEmbedding(
        own, affinities, optimizer=optimizer or gradient_descent(), negative_gradient_method="bh", n_jobs=1, random_state=0
    )


def _affinities(seen: Seen) -> Affinities:
    """Gaussian affinities of the nearest neighbours. Their unit does not matter, so it is one that keeps squares in range."""
    index, distance = seen.neighbours.index, seen.neighbours.distance
    unit = float(distance.mean()) or 1.0
    perplexity = min(PERPLEXITY, index.shape[1] / 3)
    return PerplexityBasedNN(perplexity=perplexity, knn_index=PrecomputedNeighbors(index, distance / unit), n_jobs=1)


@PROJECTIONS.add("tsne", package="openTSNE", extra="web")
class TSNE:
    """Neighbours stay neighbours; continued from the previous positions."""

    def begin(self, seen: Seen, seed: int) -> Tsne | Axes:
        """Points along the first two principal axes, about to unfold."""
        start = _small(seen, seed)
        return Tsne(_embedding(start, _affinities(seen)), 0, FIRST) if len(start) >= _FEWEST else Axes(seen.picture.astype(float))

    def resume(self, seen: Seen, positions: Positions, seed: int, done: int) -> Tsne | Axes:
        """Points where they were, at rest, with what the first schedule had still to do."""
        if len(positions) < _FEWEST:
            return Axes(positions)
        return Tsne(_embedding(positions, _affinities(seen)), done, max(0, FIRST - done))


def _small(seen: Seen, seed: int) -> Positions:
    """The first picture at the size that openTSNE starts from, with points of equal features a little apart."""
    picture = seen.picture.astype(float)
    spread = picture[:, 0].std()
    start = picture * (_START / spread) if spread > 0 else np.zeros_like(picture)
    return start + np.random.default_rng(seed).normal(0, _START / 100, start.shape)
