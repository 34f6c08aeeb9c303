"""What the data sets of all modalities have in common: two parts, ids, and columns that a target may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lorasteer.tasks.splits import Part


class Rows(Protocol):
    """One part of a data set."""

    @property
    def ids(self) -> NDArray[np.str_]:
        """Unique names of the examples, shape [n]."""
        ...

    def __len__(self) -> int: ...


class Data(Protocol):
    """A data set, as far as requests look at it."""

    @property
    def name(self) -> str:
        """How to load it again."""
        ...

    @property
    def train(self) -> Rows:
        """Examples the base learns from."""
        ...

    @property
    def test(self) -> Rows:
        """Examples it never sees, or the same facts in other words."""
        ...

    @property
    def digest(self) -> str:
        """sha256 over everything."""
        ...

    @property
    def written(self) -> tuple[str, ...]:
        """Names of the columns that hold what the model reads as text; none for images."""
        ...

    def columns(self, part: Part) -> Mapping[str, NDArray[Any]]:
        """Facts of the examples of a part by name, each of shape [n]: `class` where there are classes, `id`, and all others."""
        ...
