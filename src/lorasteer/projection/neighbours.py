"""Who is near whom: exact nearest neighbours, and how often neighbours are of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEAR = 10
"""Neighbours that purity looks at."""
_CELLS = 250_000  # distances held at a time: 2 MB with their places, so that they stay in the processor's cache
_ROWS = 64  # at least; products of fewer rows are slow


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest points of each point, nearest first.

    Args:
        index: Row numbers, int32[n, k].
        distance: Euclidean distances, float32[n, k].
    """

    index: NDArray[np.int32]
    distance: NDArray[np.float32]


def nearest(points: NDArray[np.float32], k: int, *, queries: NDArray[np.float32] | None = None) -> Neighbours:
    """Find the k nearest points by comparing every pair, in blocks of matrix products.

    Squares are taken apart, |a - b|² = |a|² + |b|² - 2ab, in single precision around the mean: distances below about a
    thousandth of the cloud's radius are not told apart. What is equally far is ordered by row number.

    Args:
        points: Finite coordinates, float32[n, d].
        k: Neighbours wanted; fewer come back where there are fewer points.
        queries: Points to find neighbours of, float32[m, d]; the points themselves when left out, none its own neighbour.

    Returns:
        [m, k] neighbours, or [n, k] without queries.

    Example:
        >>> line = np.array([[0.0], [1.0], [3.0]], dtype=np.float32)
        >>> nearest(line, 2).index.tolist()
        [[1, 2], [0, 2], [1, 0]]
    """
    among, asked, unit = _centred(points, points if queries is None else queries)
    k = max(0, min(k, len(among) - (queries is None)))
    rows = max(_ROWS, _CELLS // max(1, len(among)))
    starts = range(0, len(asked), rows)
    found = [_block(among, asked[start : start + rows], k, start if queries is None else None) for start in starts]
    packed = torch.cat(found) if found else torch.zeros((0, k), dtype=torch.int64)
    index = (packed & 0xFFFFFFFF).int().numpy()
    return Neighbours(index, (packed >> 32).int().view(torch.float32).sqrt().mul(unit).numpy())


def _centred(points: NDArray[np.float32], queries: NDArray[np.float32]) -> tuple[Tensor, Tensor, float]:
    """Both around the mean of the points and in a unit that keeps squares finite; and that unit."""
    among, asked = (torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)) for rows in (points, queries))
    unit = max([float(rows.abs().max()) for rows in (among, asked) if rows.numel()], default=0.0) or 1.0
    among, asked = among / unit, asked / unit
    middle = among.mean(0) if len(among) else 0.0
    return among - middle, asked - middle, unit


def _block(among: Tensor, asked: Tensor, k: int, first: int | None) -> Tensor:
    """Squared distance and row number of the k nearest, packed into one whole number so that ties have an order.

    The bits of a float that is not negative, read as a whole number, are ordered as the float is. `abs_` turns -0.0 into 0.0.
    """
    squares = ((among * among).sum(1) + (asked * asked).sum(1)[:, None]).addmm_(asked, among.T, alpha=-2).clamp_min_(0).abs_()
    if first is not None:
        squares.diagonal(offset=first).fill_(torch.inf)
    packed = (squares.view(torch.int32).long() << 32) | torch.arange(len(among))
    return packed.topk(k, largest=False).values


def purity(
    index: NDArray[np.int32], labels: NDArray[np.int64], chosen: NDArray[np.bool_] | None = None, *, near: int = NEAR
) -> float | None:
    """Share of a point's nearest neighbours that are of its class, averaged over points.

    Args:
        index: Neighbours of each point, nearest first, [n, k].
        labels: Class of each point.
        chosen: Points to average over; all when left out.
        near: How many neighbours count.

    Returns:
        0 … 1; None where no point is chosen or none has a neighbour.

    Example:
        >>> index = np.array([[1, 2], [0, 2], [1, 0]], dtype=np.int32)
        >>> purity(index, np.array([0, 0, 1]))  # shares 1/2, 1/2 and 0
        0.3333333333333333
    """
    same = labels[index[:, :near]] == labels[:, None]
    same = same if chosen is None else same[chosen]
    return float(same.mean()) if same.size else None
