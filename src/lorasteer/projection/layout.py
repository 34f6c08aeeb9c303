"""The table of projections, and what each can do: say where points lie, and move them on."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lorasteer.projection.seen import Seen
from lorasteer.registry import Registry

Positions = NDArray[np.float64]


class Layout(Protocol):
    """Where the points lie by one projection. Nothing is edited: each verb gives a new layout and leaves this one whole."""

    @property
    def positions(self) -> Positions:
        """Where the points lie, float64[n, 2], in lengths of the projection."""

    @property
    def left(self) -> int:
        """Iterations that the schedule asks for before it makes sense to look whether the points are at rest."""

    @property
    def kl(self) -> float | None:
        """What is minimised, in nats; None where nothing is, so that the points are at rest once the schedule is done."""

    def towards(self, seen: Seen) -> Layout:
        """The same points on their way to other features."""

    def step(self, iterations: int) -> Layout:
        """That many iterations on."""


class Projection(Protocol):
    """A way to draw points."""

    def begin(self, seen: Seen, seed: int) -> Layout:
        """The first layout."""

    def resume(self, seen: Seen, positions: Positions, seed: int, done: int) -> Layout:
        """A layout at given positions, to go on from there; `done` is how many iterations brought them there."""


def _import_all() -> None:
    for name in ("pca", "tsne", "umap_option"):
        import_module(f"lorasteer.projection.{name}")


PROJECTIONS: Registry[type[Projection]] = Registry(
    "projection",
    required_facts=("package", "extra"),  # what must be installed, and the extra of this package that brings it; or None
    populate=_import_all,
)
"""Projections by name."""


def projection(name: str) -> Projection:
    """The projection of a name.

    Raises:
        PlanError: It is unknown, or what it needs is not installed.
    """
    from importlib.util import find_spec

    from lorasteer.errors import PlanError

    entry = PROJECTIONS[name]
    if entry["package"] is not None and find_spec(entry["package"]) is None:
        others = ", ".join(other.name for other in PROJECTIONS if other.name != name)
        raise PlanError(
            f"projection {name!r} needs the package {entry['package']!r}, which is not installed. "
            f"Run `pip install lorasteer[{entry['extra']}]`, or choose another: {others}."
        )
    return entry.factory()
