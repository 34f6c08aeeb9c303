"""Image classification data in memory: pixels as bytes, labels, ids, attributes, and a digest of all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.tasks.splits import Part


@dataclass(frozen=True)
class Examples:
    """One part (train or test) of a data set.

    Args:
        images: Pixels, uint8, shape [n, channels, height, width], channels 1 or 3.
        labels: Class numbers, int64, shape [n].
        ids: Unique names of the examples, str, shape [n].
        attributes: Further facts per example by name, each of shape [n]: numbers (continuous) or strings (categorical).

    Raises:
        DataError: Shapes or types differ from the above, or ids repeat.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.images.ndim != 4 or self.images.shape[1] not in (1, 3) or self.images.dtype != np.uint8:
            raise DataError(
                f"images have shape {self.images.shape} and type {self.images.dtype}; "
                "allowed is uint8 [n, 1 or 3, height, width]. Convert them before loading."
            )
        columns = {"images": self.images, "ids": self.ids, **self.attributes}
        for name, column in columns.items():
            if len(column) != n:
                raise DataError(f"{name!r} has {len(column)} rows but there are {n} labels; give one row per example.")
        for name, column in self.attributes.items():
            if column.ndim != 1 or column.dtype.kind not in "iufU":
                raise DataError(
                    f"attribute {name!r} is {column.dtype} {list(column.shape)}; allowed are numbers or text [{n}]. Convert it."
                )
        if self.labels.dtype != np.int64 or self.ids.dtype.kind != "U":
            raise DataError(f"labels are {self.labels.dtype} and ids {self.ids.dtype}; allowed are int64 and text. Convert them.")
        if len(np.unique(self.ids)) != n:
            raise DataError(f"{n - len(np.unique(self.ids))} example ids repeat; ids must be unique.")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """sha256 over pixels, labels, ids and attributes."""
        total = hashlib.sha256(repr(self.images.shape).encode())
        columns = {"labels": self.labels, "ids": self.ids, **dict(sorted(self.attributes.items()))}
        total.update(np.ascontiguousarray(self.images).data)
        for name, column in columns.items():
            total.update(name.encode())
            total.update(_bytes(column))
        return total.hexdigest()


def _bytes(column: NDArray[np.generic]) -> bytes:
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    return np.ascontiguousarray(column).tobytes()


@dataclass(frozen=True)
class ImageData:
    """A data set: training and test examples and the names of the classes.

    Args:
        name: How to load it again: a registered source, a path, or a `datasets` id.
        classes: Class names; label k means `classes[k]`.
        train: Examples the model learns from.
        test: Examples it never sees.

    Raises:
        DataError: A label lies outside the classes, a class name repeats, or train and test images differ in shape.
    """

    name: str
    classes: tuple[str, ...]
    train: Examples
    test: Examples

    written: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise DataError(f"class names must be at least two and differ, got {list(self.classes)[:12]}.")
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"train images are {self.train.images.shape[1:]} but "
                f"test images {self.test.images.shape[1:]}; resize to one shape."
            )
        for part, examples in (("train", self.train), ("test", self.test)):
            bad = np.flatnonzero((examples.labels < 0) | (examples.labels >= len(self.classes)))
            if len(bad):
                raise DataError(
                    f"{part} example '{examples.ids[bad[0]]}' has label {examples.labels[bad[0]]}; allowed are 0 to "
                    f"{len(self.classes) - 1} for {len(self.classes)} classes ({len(bad)} such examples). Correct the labels."
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def columns(self, part: Part) -> dict[str, NDArray[np.generic]]:
        """Facts that a target may name: `class` (its name), `id`, and every attribute of the part, each of shape [n]."""
        examples: Examples = getattr(self, part)
        return {**examples.attributes, "class": np.asarray(self.classes)[examples.labels], "id": examples.ids}

    @cached_property
    def digest(self) -> str:
        """sha256 over both parts and the class names."""
        parts = [*self.classes, self.train.digest, self.test.digest]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
