"""One number to settings: the table that says what an intensity between 0 and 1 means.

Between two rows every column is interpolated: learning rates in their logarithm, all others in a straight line, whole numbers
rounded up, so that any intensity above 0 trains at least one epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, TypeVar

from lorasteer.errors import RequestError


class Knot(Protocol):
    """A row of a table of intensities: a frozen dataclass whose first field is the intensity."""

    @property
    def intensity(self) -> float:
        """0 changes nothing, 1 is strongest."""
        ...


class Stopping(Knot, Protocol):
    """A row of a table that says when to stop."""

    @property
    def stop_at(self) -> float:
        """What is left of the base's forget set then, as a share."""
        ...


K = TypeVar("K", bound=Knot)


@dataclass(frozen=True)
class Level:
    """Settings that one intensity stands for.

    Args:
        intensity: 0 changes nothing, 1 is strongest.
        stop_at: Forget accuracy at which training stops, as a share (0 … 1) of the base model's forget accuracy.
        margin: Lead of the runner-up at which the hinge loss closes, in probability, above 0 and at most 1.
        epochs: Most passes over the forget set.
        learning_rate: Step size of AdamW on the adapter.
        rank: Rank of the adapter.
        retain: Retain examples drawn to hold the rest in place; stronger forgetting needs more of them.
    """

    intensity: float
    stop_at: float
    margin: float
    epochs: int
    learning_rate: float
    rank: int
    retain: int


TABLE = (
    Level(0.00, 1.00, 0.10, 0, 5e-4, 4, 100),
    Level(0.10, 0.80, 0.10, 3, 5e-4, 4, 200),
    Level(0.25, 0.50, 0.20, 5, 7e-4, 8, 300),
    Level(0.50, 0.10, 0.30, 8, 1e-3, 8, 500),
    Level(0.75, 0.01, 0.50, 10, 1e-3, 8, 1000),
    Level(1.00, 0.00, 0.70, 15, 2e-3, 8, 2000),
)
"""The whole meaning of intensity, one row for each knot, in rising order."""

_OF_ADAPTERS = frozenset({"epochs", "learning_rate", "rank", "retain"})
_LOGARITHMIC = frozenset({"learning_rate"})
COLUMNS = tuple(column.name for column in fields(Level))[1:]
"""The settings that an intensity governs, by name."""


def level(intensity: float) -> Level:
    """Settings for any intensity.

    Args:
        intensity: 0 … 1.

    Raises:
        RequestError: The intensity lies outside 0 … 1.

    Example:
        >>> half_way = level(0.375)
        >>> half_way.stop_at, half_way.epochs, half_way.retain
        (0.3, 7, 400)
    """
    return between(TABLE, intensity)


def between(table: tuple[K, ...], intensity: float) -> K:
    """The row of a table that an intensity stands for, interpolated between its neighbours.

    Args:
        table: Rows in rising order, from intensity 0 to 1.
        intensity: 0 … 1.

    Raises:
        RequestError: The intensity lies outside 0 … 1.
    """
    if not 0 <= intensity <= 1:
        raise RequestError(f"intensity is {intensity}; allowed is 0 (nothing) to 1 (strongest). Choose a number between.")
    high = next(place for place, row in enumerate(table) if intensity <= row.intensity)
    below, above = table[max(high - 1, 0)], table[high]
    gap = above.intensity - below.intensity
    part = (intensity - below.intensity) / gap if gap else 0.0
    values = {name: _between(name, getattr(below, name), getattr(above, name), part) for name in columns_of(table)}
    kind: Callable[..., K] = type(below)
    return kind(intensity=intensity, **values)


def columns_of(table: tuple[Any, ...]) -> tuple[str, ...]:
    """The settings that a table of intensities governs, by name."""
    return tuple(column.name for column in fields(table[0]))[1:]


def promised(intensity: float) -> float:
    """Forget accuracy that an intensity promises to leave, as a share of the base's: the table's `stop_at`.

    Args:
        intensity: 0 … 1.

    Raises:
        RequestError: The intensity lies outside 0 … 1.

    Example:
        >>> promised(0.25), promised(1.0)
        (0.5, 0.0)
    """
    return level(intensity).stop_at


def reaching(share: float) -> float:
    """The least intensity that promises to leave at most this share of the base's forget accuracy.

    Args:
        share: 0 … 1.

    Example:
        >>> reaching(0.5), reaching(0.01), reaching(0.3)
        (0.25, 0.75, 0.375)
    """
    return reached(TABLE, share)


def reached(table: tuple[Stopping, ...], share: float) -> float:
    """The least intensity of any table that stops at or below a share; the strongest where none does."""
    high = next((place for place, row in enumerate(table) if row.stop_at <= share), len(table))
    if high == 0:
        return table[0].intensity
    if high == len(table):
        return table[-1].intensity
    below, above = table[high - 1], table[high]
    part = (below.stop_at - share) / (below.stop_at - above.stop_at)
    return round(below.intensity + part * (above.intensity - below.intensity), 9)


def settings_for(intensity: float, defaults: Mapping[str, Any], needs: Set[str]) -> dict[str, int | float]:
    """The settings of one method that an intensity governs.

    The table is made for adapters that learn to forget. A method keeps its own value of a column where

    - it has no such setting, or switches it off by default (0 or None), as methods do that use no retain examples;
    - it trains other weights than an adapter (it has no `rank`): of the table, only `stop_at` and `margin` hold for it;
    - it needs retain examples to work at all: `retain` is then what it learns from, not an anchor.

    Args:
        intensity: 0 … 1.
        defaults: The method's own values, by name of the setting.
        needs: The method's needs.

    Raises:
        RequestError: The intensity lies outside 0 … 1.

    Example:
        >>> settings_for(0.5, {"rank": 8, "epochs": 10, "retain": 0, "margin": 1.0}, {"labels"})
        {'margin': 0.3, 'epochs': 8, 'rank': 8}
    """
    values = asdict(level(intensity))
    own = {name for name in COLUMNS if not _is_on(defaults.get(name))}
    own |= set() if "rank" in defaults else _OF_ADAPTERS
    own |= {"retain"} & set(needs)
    return {name: values[name] for name in COLUMNS if name not in own}


def markdown() -> str:
    """The table for the documentation, one row for each knot."""
    return markdown_of(TABLE)


def markdown_of(table: tuple[Knot, ...]) -> str:
    """Any table of intensities for the documentation, one row for each knot."""
    heads = ["intensity", *columns_of(table)]
    lines = ["| " + " | ".join(f"`{head}`" for head in heads) + " |", "| " + " | ".join("---:" for _ in heads) + " |"]
    lines += ["| " + " | ".join(f"{getattr(row, head):g}" for head in heads) + " |" for row in table]
    return "\n".join(lines) + "\n"


def _is_on(default: Any) -> bool:
    # a share to stop at of 0.0 is a choice, a retain budget or a number of epochs of 0 is an absence
    return default is not None and (isinstance(default, float) or default != 0)


def _between(name: str, below: float, above: float, part: float) -> float:
    if name in _LOGARITHMIC:
        return float(f"{math.exp((1 - part) * math.log(below) + part * math.log(above)):.6g}")
    value = below + part * (above - below)
    # the small slack keeps a whole number that arithmetic missed by a hair, and vanishes with `part`
    return math.ceil(value - 1e-9 * part) if isinstance(below, int) else round(value, 9)
