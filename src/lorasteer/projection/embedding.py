"""A map of points that follows their features, and says when it has caught up.

A continued map lags behind: it may show a class together that has dissolved in the features. So a map is `settled` only if it is
at rest *and* its neighbour purity is near the one measured in the features. At rest and not near, it `differs`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.projection.basis import Basis
from lorasteer.projection.frame import Frame, Status, agrees
from lorasteer.projection.layout import Layout, projection
from lorasteer.projection.placing import Picture, pictured, placed
from lorasteer.projection.seen import Points, Seen

SLICE = 5
"""Iterations between two looks at the map."""
AT_REST = 1e-4
"""Change of the divergence, in nats per iteration, below which points are taken to be at rest."""
PATIENCE = 200
"""Iterations at rest after which a map that is not true to the features is said to differ."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """A map at one moment. Every verb gives another map and leaves this one whole.

    Args:
        seen: Points, and their features that the map is to draw.
        layout: Where the points lie in lengths of the projection.
        picture: The same as it is looked at.
        method: Name of the projection.
        seed: Of the projection.
        iteration: Steps since the map began.
        calm: Iterations for which the points have been at rest.
        status: Whether the map still moves, and whether it is true to the features.
    """

    seen: Seen
    layout: Layout
    picture: Picture
    method: str
    seed: int
    iteration: int = 0
    calm: int = 0
    status: Status = "settling"

    @classmethod
    def begin(
        cls,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        target: NDArray[np.bool_] | None = None,
        *,
        method: str = "tsne",
        seed: int = 0,
        basis: Basis | None = None,
    ) -> Embedding:
        """A first map, along the principal axes.

        Args:
            features: Finite numbers, float32[n, d].
            labels: Class of each point.
            target: Whether a point is of the target.
            method: A name in `PROJECTIONS`.
            seed: Same features and seed, same map.
            basis: Axes of the first picture, kept for every later one; those of these features when left out.

        Raises:
            DataError: Features, labels, target and basis do not go together, or features are not finite.
            PlanError: The method is unknown or not installed.
        """
        drawing = projection(method)
        seen = Seen.of(features, Points(labels, target), basis)
        layout = drawing.begin(seen, seed)
        return cls(seen, layout, pictured(layout.positions), method, seed)._judged(None)

    @classmethod
    def at(
        cls,
        frame: Frame,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        target: NDArray[np.bool_] | None = None,
        *,
        method: str = "tsne",
        seed: int = 0,
        basis: Basis | None = None,
    ) -> Embedding:
        """The map of an earlier frame: its positions to the bit, its status, and the features it was of.

        Raises:
            DataError: The parts do not go together, or numbers are not finite.
            PlanError: The method is unknown or not installed.
        """
        drawing = projection(method)
        seen = Seen.of(features, Points(labels, target), basis)
        places = _checked(frame.positions, len(labels))
        if not (np.isfinite(places).all() and np.isfinite(frame.scale) and frame.scale > 0):
            raise DataError("the stored positions hold numbers that are not finite. Begin a new map.")
        layout = drawing.resume(seen, places.astype(float) * frame.scale, seed, frame.iteration)
        return cls(seen, layout, Picture(places, frame.scale), method, seed, frame.iteration, 0, frame.status)

    def moved(self, features: NDArray[np.float32]) -> Embedding:
        """The same points, at the same positions, on their way to other features.

        Raises:
            DataError: The features do not go with the points, or are not finite.
        """
        seen = Seen.of(features, self.seen.points, self.seen.basis)
        return replace(self, seen=seen, status="settling", calm=0)._at(self.layout.towards(seen))._judged(None)

    def step(self, iterations: int = SLICE) -> Embedding:
        """That many iterations on, at most; the same map where it is settled or differs."""
        if self.status != "settling":
            return self
        layout = self.layout.step(iterations)
        ahead = replace(self, iteration=self.iteration + iterations)._at(layout)
        return ahead._judged(self.layout.kl, iterations)

    def replaced(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        known: NDArray[np.float32],
        target: NDArray[np.bool_] | None = None,
    ) -> Embedding:
        """A map of other points; those that stay keep their place.

        Args:
            features: Of the new points, as many columns as before.
            labels: Class of each.
            known: Where each lies on a picture of this map, float32[n, 2]; NaN for one that was not on it.
            target: Whether a point is of the target.

        Raises:
            DataError: The parts do not go together, or features are not finite.
        """
        seen = Seen.of(features, Points(labels, target), self.seen.basis)
        places, drawing = _checked(known, len(labels)), projection(self.method)
        if not np.isfinite(places).all(1).any():
            layout = drawing.begin(seen, self.seed)
            return Embedding(seen, layout, pictured(layout.positions), self.method, self.seed)._judged(None)
        picture = Picture(placed(seen.features, places, seed=self.seed), self.picture.scale)
        layout = drawing.resume(seen, picture.positions.astype(float) * picture.scale, self.seed, self.iteration)
        kept = Embedding(seen, layout, picture, self.method, self.seed, self.iteration)
        return kept._at(layout.towards(seen))._judged(None)

    def restored(self, frame: Frame, features: NDArray[np.float32]) -> Embedding:
        """The map of an earlier frame of the same points, with the features that it was of; see `at`."""
        labels, target = self.seen.points.labels, self.seen.points.target
        return Embedding.at(frame, features, labels, target, method=self.method, seed=self.seed, basis=self.seen.basis)

    def frame(self) -> Frame:
        """What there is to see and to know of the map now."""
        on_map, target_on_map = self._purities
        in_features, target_in_features = self.seen.purities
        return Frame(
            positions=self.picture.positions,
            scale=self.picture.scale,
            iteration=self.iteration,
            kl=self.layout.kl,
            purity_map=on_map,
            purity_features=in_features,
            target_purity_map=target_on_map,
            target_purity_features=target_in_features,
            status=self.status,
        )

    @property
    def _purities(self) -> tuple[float | None, float | None]:
        """Neighbour purity on the picture: of all points, and of the target's alone."""
        return self.seen.points.purities(self.picture.near)

    @property
    def _agrees(self) -> bool:
        return all(agrees(on_map, said) for on_map, said in zip(self._purities, self.seen.purities, strict=True))

    def _at(self, layout: Layout) -> Embedding:
        """With another layout; where no point has moved, with the same picture to the bit."""
        same = np.array_equal(layout.positions, self.layout.positions)
        return replace(self, layout=layout, picture=self.picture if same else pictured(layout.positions))

    def _judged(self, before: float | None, iterations: int = 0) -> Embedding:
        """With the status that it has earned: `before` is the divergence one slice ago."""
        kl = self.layout.kl
        if self.layout.left:
            return replace(self, calm=0, status="settling")
        rests = kl is not None and before is not None and abs(kl - before) < AT_REST * iterations
        calm = self.calm + iterations if rests else 0
        if kl is None or (calm and self._agrees) or calm > PATIENCE:  # without a divergence, what is done is done
            return replace(self, calm=calm, status="settled" if self._agrees else "differs")
        return replace(self, calm=calm, status="settling")


def _checked(places: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    if places.shape != (count, 2):
        raise DataError(
            f"positions of shape {places.shape} do not go with {count} points; allowed is [{count}, 2]. Give one for each point."
        )
    return np.ascontiguousarray(places, dtype=np.float32)
