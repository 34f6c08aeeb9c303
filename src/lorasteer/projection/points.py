"""Which examples are drawn: many of the target, the others evenly from every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError

POINTS = 2000
"""Points on a map by default; its cost grows faster than their number."""


def sample_points(
    labels: NDArray[np.int64],
    target: NDArray[np.bool_] | None = None,
    count: int = POINTS,
    *,
    target_share: float = 0.5,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Choose the examples to draw.

    The target gets up to its share of the points, the rest is stratified by class. Where one side has too few examples, the
    other takes its places.

    Args:
        labels: Class of each example.
        target: Whether an example is of the target; nothing is when left out.
        count: Points wanted; all examples come back where there are fewer.
        target_share: Share of the points for the target, 0 … 1.
        seed: Same seed, same choice.

    Returns:
        Their places, ascending.

    Raises:
        DataError: The target does not go with the labels, or the count or the share is out of range.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
        >>> chosen = sample_points(labels, labels == 0, count=4)
        >>> labels[chosen].tolist()
        [0, 0, 1, 2]
    """
    chosen = np.zeros(len(labels), bool) if target is None else target
    _check(labels, chosen, count, target_share)
    ours, others = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    wanted = min(len(ours), round(count * target_share))
    wanted = min(len(ours), max(wanted, count - len(others)))
    draw = np.random.default_rng(seed)
    picked = [draw.choice(ours, wanted, replace=False), _stratified(others, labels, min(count - wanted, len(others)), draw)]
    return np.sort(np.concatenate(picked)).astype(np.int64)


def _stratified(places: NDArray[np.int64], labels: NDArray[np.int64], count: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Places drawn so that each class keeps its share; parts of a point go to the classes that lost most by rounding."""
    classes, sizes = np.unique(labels[places], return_counts=True)
    exact = sizes * (count / max(1, len(places)))
    quotas = np.floor(exact).astype(np.int64)
    quotas[np.argsort(quotas - exact, kind="stable")[: count - quotas.sum()]] += 1
    drawn = [
        draw.choice(places[labels[places] == label], quota, replace=False) for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.concatenate([*drawn, np.zeros(0, np.int64)])


def _check(labels: NDArray[np.int64], target: NDArray[np.bool_], count: int, share: float) -> None:
    if labels.ndim != 1 or target.shape != labels.shape or target.dtype != np.bool_:
        raise DataError(
            f"labels of shape {labels.shape} and a target of shape {target.shape} and type {target.dtype} do not go together; "
            "allowed is one class number and one truth value for each example. Give a mask of the target."
        )
    if count < 1 or not 0 <= share <= 1:
        raise DataError(
            f"cannot draw {count} points with a share of {share:g} for the target; allowed is a count of 1 or more and a share "
            "of 0 … 1. Choose other numbers."
        )
