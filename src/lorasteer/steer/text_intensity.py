"""What an intensity between 0 and 1 means for a language model: a band to bring the forget set into, and a budget for the rest.

A model that was trained on an answer gives it a probability near 1; one that never saw it gives it what its language alone makes
likely: between a third and a tenth as much. Intensity 0.5 ends in that band; below it a part is left, above it the answer
becomes less likely than a model that never saw it would find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from typing import Any

from lorasteer.steer.intensity import between, columns_of, markdown_of, reached


@dataclass(frozen=True)
class TextLevel:
    """Settings that one intensity stands for.

    Args:
        intensity: 0 changes nothing, 1 is strongest.
        stop_at: Upper edge of the band: training stops once the mean answer probability of the forget set is at or below this
            share (0 … 1) of the base's.
        least_probability: Lower edge of the band, a probability: below it the model shows by its silence what it was taught.
        retain_within: Budget: share of the base's answer probability on retained examples that may be lost.
        epochs: Most passes over the forget set.
        learning_rate: Step size of AdamW on the adapter.
        rank: Rank of the adapter.
        retain: Retain examples drawn to hold the rest in place.
    """

    intensity: float
    stop_at: float
    least_probability: float
    retain_within: float
    epochs: int
    learning_rate: float
    rank: int
    retain: int


TABLE = (
    TextLevel(0.00, 1.00, 0.50, 0.01, 0, 5e-4, 8, 200),
    TextLevel(0.10, 0.80, 0.40, 0.01, 5, 5e-4, 8, 400),
    TextLevel(0.25, 0.55, 0.20, 0.02, 10, 7e-4, 16, 800),
    TextLevel(0.50, 0.30, 0.08, 0.03, 15, 1e-3, 16, 1200),
    TextLevel(0.75, 0.12, 0.02, 0.05, 20, 1e-3, 16, 2000),
    TextLevel(1.00, 0.02, 0.00, 0.05, 30, 2e-3, 16, 4000),
)
"""The whole meaning of intensity for text, one row for each knot, in rising order."""

COLUMNS = columns_of(TABLE)
"""The settings that an intensity governs, by name."""


def level(intensity: float) -> TextLevel:
    """Settings for any intensity.

    Args:
        intensity: 0 … 1.

    Raises:
        RequestError: The intensity lies outside 0 … 1.

    Example:
        >>> half_way = level(0.375)
        >>> half_way.stop_at, half_way.least_probability, half_way.epochs
        (0.425, 0.14, 13)
    """
    return between(TABLE, intensity)


def reaching(share: float) -> float:
    """The least intensity whose band begins at or below this share of the base's answer probability; 1 where none does.

    Args:
        share: 0 … 1.

    Example:
        >>> reaching(0.3), reaching(0.01)
        (0.5, 1.0)
    """
    return reached(TABLE, share)


def settings_for(intensity: float, defaults: Mapping[str, Any], needs: Set[str]) -> dict[str, int | float | None]:
    """The settings of one method that an intensity governs.

    A method keeps its own value of a column that it has no setting for, or switches off by default with a whole number 0; one
    that needs retain examples to work at all draws as many as it says itself. Where the band governs when to stop, a bound that
    the method has beside it (`forget_probability`) is lifted, so that there is one.

    Args:
        intensity: 0 … 1.
        defaults: The method's own values, by name of the setting.
        needs: The method's needs.

    Raises:
        RequestError: The intensity lies outside 0 … 1.

    Example:
        >>> settings_for(0.5, {"stop_at": None, "forget_probability": 0.1, "epochs": 10, "retain": 0}, {"labels"})
        {'forget_probability': None, 'stop_at': 0.3, 'epochs': 15}
    """
    values = asdict(level(intensity))
    own = {name for name in COLUMNS if name not in defaults or (defaults[name] == 0 and isinstance(defaults[name], int))}
    own |= {"retain"} & set(needs)
    lifted = {"forget_probability": None} if {"stop_at", "forget_probability"} <= set(defaults) else {}
    return {**lifted, **{name: values[name] for name in COLUMNS if name not in own}}


def markdown() -> str:
    """The table for the documentation, one row for each knot."""
    return markdown_of(TABLE)
