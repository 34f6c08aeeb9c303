"""What is known of the points of a map besides their places, and into which groups a colouring sorts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorasteer.errors import DataError, RequestError, choices

Indices: TypeAlias = NDArray[np.int64]
Positions: TypeAlias = NDArray[np.float32]

PARTS = ("forget", "retain", "other")
FORGET, RETAIN, OTHER = range(3)

CHANGES = ("right, still right", "right, now wrong", "wrong, now right", "wrong, still wrong")

MOVED = "moved"
"""The one colouring that is a scale and not a set of groups."""


class Group(NamedTuple):
    """Points that look alike.

    Attributes:
        key: Number that decides colour and symbol; it stays the same when other groups come and go.
        name: What the legend calls it; plain text.
        members: Which points, ascending.
    """

    key: int
    name: str
    members: Indices


@dataclass(frozen=True, eq=False)
class Points:
    """What is known of each of n points.

    Attributes:
        classes: Names of the classes.
        labels: Class of each point, a place in `classes`.
        parts: `FORGET`, `RETAIN` or `OTHER` for each point; all `OTHER` when left out.
        before: Class the base predicts; None when nobody asked.
        after: Class the model in force predicts; None when nobody asked.

    Raises:
        DataError: A column has another length, or names a class or part that does not exist.
    """

    classes: tuple[str, ...]
    labels: Indices
    parts: Indices | None = None
    before: Indices | None = None
    after: Indices | None = None

    def __post_init__(self) -> None:
        for name, top in (("labels", self.classes), ("parts", PARTS), ("before", self.classes), ("after", self.classes)):
            column = getattr(self, name)
            if column is not None:
                object.__setattr__(self, name, _column(name, column, len(self.labels), len(top)))

    def __len__(self) -> int:
        return len(self.labels)


def _column(name: str, values: object, count: int, top: int) -> Indices:
    column = np.asarray(values)
    if column.shape != (count,):
        raise DataError(f"{name} of the map: got shape {column.shape}, allowed ({count},). Give one number for each point.")
    if count and not (column.dtype.kind in "iu" and column.min() >= 0 and column.max() < top):
        found = f"{column.min()} to {column.max()}"
        raise DataError(
            f"{name} of the map: got {found}, allowed whole numbers from 0 to {top - 1}. Check that they belong to this data set."
        )
    return column.astype(np.int64)


def _named(names: tuple[str, ...], keys: Indices) -> list[Group]:
    """One group for each key that occurs."""
    return [Group(key, name, np.flatnonzero(keys == key)) for key, name in enumerate(names) if (keys == key).any()]


def _by_class(points: Points) -> list[Group]:
    return _named(points.classes, points.labels)


def _by_part(points: Points) -> list[Group]:
    parts = np.full(len(points), OTHER) if points.parts is None else points.parts
    return _named(PARTS, parts)


def _by_change(points: Points) -> list[Group]:
    if points.before is None or points.after is None:
        raise RequestError("the map cannot be coloured by 'changed': got no predictions. Give `before` and `after` first.")
    was_wrong, is_wrong = points.before != points.labels, points.after != points.labels
    keys = np.select([~was_wrong & ~is_wrong, ~was_wrong, ~is_wrong], [0, 1, 2], 3)
    return _named(CHANGES, keys)


def _by_movement(points: Points) -> list[Group]:
    return [Group(0, "all points", np.arange(len(points)))]


COLOURINGS: dict[str, Callable[[Points], list[Group]]] = {
    "class": _by_class,
    "part": _by_part,
    "changed": _by_change,
    MOVED: _by_movement,
}


def groups_of(points: Points, color_by: str) -> list[Group]:
    """Points sorted into the groups of a colouring; groups without a point are left out.

    Args:
        points: What is known of them.
        color_by: `class`, `part`, `changed` or `moved`.

    Raises:
        RequestError: The colouring does not exist, or needs predictions that are not there.

    Example:
        >>> points = Points(("cat", "dog"), np.array([0, 1, 0]), before=np.array([0, 1, 0]), after=np.array([1, 1, 0]))
        >>> [(group.name, group.members.tolist()) for group in groups_of(points, "changed")]
        [('right, still right', [1, 2]), ('right, now wrong', [0])]
    """
    if color_by not in COLOURINGS:
        raise RequestError(f"the map cannot be coloured by {color_by!r}. {choices(color_by, COLOURINGS)}")
    return COLOURINGS[color_by](points)


def checked_positions(positions: ArrayLike, count: int) -> Positions:
    """Places as contiguous float32.

    Args:
        positions: n pairs of finite numbers.
        count: n.

    Raises:
        DataError: Another shape, or a number that is not finite.
    """
    places = np.ascontiguousarray(positions, dtype=np.float32)  # a view of a larger array could not be sent
    if places.shape != (count, 2):
        raise DataError(f"positions of the map: got shape {places.shape}, allowed ({count}, 2). Give two numbers for each point.")
    if not np.isfinite(places).all():
        bad = int((~np.isfinite(places).all(axis=1)).sum())
        raise DataError(
            f"positions of the map: got {bad:,} points that are not finite, allowed 0. Keep the last map that was whole."
        )
    return places
