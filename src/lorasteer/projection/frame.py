"""What a map tells: a frame of positions with how far it can be trusted, or why there is none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Status = Literal["settling", "settled", "differs"]
"""Still moving; at rest and true to the features; at rest and not true to them."""
GAP = 0.1
"""How far purity on a settled map may be from purity in the features."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a map.

    Args:
        positions: Where the points lie, float32[n, 2], around (0, 0); an evenly filled disc would have radius 1.
        scale: Lengths of the projection per length of the picture. To go on from a picture, both are needed.
        iteration: Steps of the projection since the map began.
        kl: What the projection minimises; None where it minimises nothing, or has not begun.
        purity_map: Share of a point's 10 nearest neighbours on the map that are of its class; None where not defined.
        purity_features: The same among the features, before they are projected.
        target_purity_map: The same on the map, of the target's points alone.
        target_purity_features: The same among the features, of the target's points alone.
        status: Whether the map still moves, and whether it is true to the features.
        key: What the caller named the features with.
        seq: Number of the frame among those of a process.
    """

    positions: NDArray[np.float32]
    scale: float
    iteration: int
    kl: float | None
    purity_map: float | None
    purity_features: float | None
    target_purity_map: float | None
    target_purity_features: float | None
    status: Status
    key: Hashable = None
    seq: int = 0

    @property
    def words(self) -> str:
        """The status in a sentence, with purity on the map beside purity in the features."""
        parts = [_beside("neighbour purity", self.purity_map, self.purity_features)]
        if self.target_purity_features is not None:
            parts.append(_beside("of the target", self.target_purity_map, self.target_purity_features))
        start = "not settled: the map differs from the features" if self.status == "differs" else self.status
        return f"{start}; " + ", ".join(parts)

    def facts(self) -> dict[str, Any]:
        """Everything but the positions, for a JSON file beside them."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "positions"}

    @classmethod
    def of(cls, positions: NDArray[np.float32], facts: Mapping[str, Any]) -> Frame:
        """A frame from its positions and its facts, as `facts` gave them."""
        return cls(positions=np.asarray(positions, np.float32), **facts)


@dataclass(frozen=True)
class Failed:
    """Why the map could not follow; what it showed before stays.

    Args:
        message: One line.
        key: What the caller named the features with; None where the process itself ended.
    """

    message: str
    key: Hashable = None


def agrees(on_map: float | None, in_features: float | None) -> bool:
    """Whether a map tells what the features say; where either is not defined there is nothing to contradict.

    Example:
        >>> agrees(0.94, 0.09), agrees(0.15, 0.09), agrees(None, 0.09)
        (False, True, True)
    """
    return on_map is None or in_features is None or abs(on_map - in_features) <= GAP


def _beside(what: str, on_map: float | None, in_features: float | None) -> str:
    shown, said = ("n/a" if value is None else f"{value:.2f}" for value in (on_map, in_features))
    return f"{what} {shown} on the map, {said} in the features"
