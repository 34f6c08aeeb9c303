"""Selected points of a map: read what a browser sends, grow by neighbours, say in words what is selected."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from sklearn.neighbors import KDTree

from lorasteer.errors import RequestError
from lorasteer.web.parts.embedding_points import Indices, Points, Positions

NOTHING: Indices = np.empty(0, dtype=np.int64)

NAMED = 3
"""So many classes are named in the summary; the others are counted together."""


def checked_indices(indices: object, count: int) -> Indices:
    """Indices of points, ascending and each once.

    Raises:
        RequestError: One is not a whole number between 0 and count - 1.
    """
    given = np.asarray(indices)
    if given.size == 0:
        return NOTHING
    if given.ndim != 1 or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= count:
        raise RequestError(
            f"selection: got {_words(given)}, allowed whole numbers from 0 to {count - 1}. Select points of this map."
        )
    return np.unique(given).astype(np.int64)


def _words(given: np.ndarray) -> str:
    if given.ndim == 1 and given.dtype.kind in "iu":
        return f"{given.min()} to {given.max()}"
    return f"values of type {given.dtype} and shape {given.shape}"


def from_mask(text: object, count: int) -> Indices:
    """Indices whose bits are set, lowest bit of the first byte first.

    A mask of 60,000 points is 10 kB of text; their indices would be 30 times that, and a socket takes 1 MB.

    Args:
        text: The mask in base64, as the browser sent it.
        count: How many points there are.

    Raises:
        RequestError: It is not base64, or a bit beyond the last point is set.

    Example:
        >>> from_mask(base64.b64encode(bytes([0b101, 1])).decode(), 9).tolist()
        [0, 2, 8]
    """
    try:
        data = base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except binascii.Error:
        raise RequestError("selection: got something that is not base64, allowed a bit mask. Reload the page.") from None
    if len(data) > count // 8 + 1:
        raise RequestError(f"selection: got {len(data):,} bytes, allowed {count // 8 + 1:,}. Reload the page.")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    return checked_indices(np.flatnonzero(bits), count)


def grown(selection: Indices, positions: Positions, k: int) -> Indices:
    """The selection and the k nearest neighbours of each of its points on the map.

    Args:
        selection: Indices.
        positions: float32[n, 2].
        k: How many neighbours, at least 1.

    Raises:
        RequestError: k is below 1.

    Example:
        >>> grown(np.array([0]), np.array([[0, 0], [5, 0], [1, 0]], np.float32), 1).tolist()
        [0, 2]
    """
    if k < 1:
        raise RequestError(f"neighbours to grow by: got {k}, allowed 1 or more. Choose a number from 1.")
    if not len(selection):
        return NOTHING
    found = KDTree(positions).query(positions[selection], min(k + 1, len(positions)), return_distance=False)
    return np.union1d(selection, found.ravel()).astype(np.int64)


def summary(points: Points, selection: Indices) -> str:
    """What is selected, for eyes and for screen readers.

    Example:
        >>> points = Points(("cat", "dog"), np.array([0, 1, 0]))
        >>> summary(points, np.array([0]))
        '1 of 3 points selected – cat: 1 of 2'
        >>> summary(points, NOTHING)
        '0 of 3 points selected'
    """
    head = f"{len(selection):,} of {len(points):,} points selected"
    chosen = np.bincount(points.labels[selection], minlength=len(points.classes))
    whole = np.bincount(points.labels, minlength=len(points.classes))
    order = [int(key) for key in np.argsort(-chosen, kind="stable") if chosen[key]]
    named = [f"{points.classes[key]}: {chosen[key]:,} of {whole[key]:,}" for key in order[:NAMED]]
    others = order[NAMED:]
    if others:
        named.append(f"{chosen[others].sum():,} in {len(others)} other {'class' if len(others) == 1 else 'classes'}")
    return f"{head} – {'; '.join(named)}" if named else head
