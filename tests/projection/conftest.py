"""Features made up so that a class can dissolve in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass
class Clouds:
    """Ten classes as clouds; the first can be dissolved, its points going over to the other nine."""

    count: int = 2000
    dims: int = 50
    seed: int = 0
    labels: NDArray[np.int64] = field(init=False)
    target: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        draw = np.random.default_rng(self.seed)
        self.labels = np.arange(self.count) % 10
        self.target = self.labels == 0
        self._centres = draw.normal(size=(10, self.dims)) * 1.5
        self._noise = draw.normal(size=(self.count, self.dims))
        self._goes_to = draw.integers(1, 10, self.count)

    def features(self, dissolved: float = 0.0) -> NDArray[np.float32]:
        """Features with so much of the way gone, 0 … 1."""
        middles = self._centres[self.labels]
        ours = self.target[:, None]
        gone = (1 - dissolved) * middles + dissolved * self._centres[self._goes_to]
        return (np.where(ours, gone, middles) + self._noise).astype(np.float32)


@pytest.fixture(scope="session")
def clouds() -> Clouds:
    """Two thousand points in fifty dimensions."""
    return Clouds()


@pytest.fixture(scope="session")
def few() -> Clouds:
    """Three hundred points, for what needs no more."""
    return Clouds(300, 20)
