"""Small pictures as inline SVG of our own: how much is left and kept, and a map of the examples. They load nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from lorasteer.web.views import MapFrame, MapPoints

SIDE = 100.0
"""Side of a map, in units of its own."""
_MARGIN = 3.0


class Extent(NamedTuple):
    """What a map shows, so that several maps share it."""

    left: float
    bottom: float
    side: float


class Kind(NamedTuple):
    """Points of one kind.

    Args:
        name: What they are, in words.
        color: CSS variable of their colour.
        ring: Whether they are drawn hollow, so that colour alone does not tell.
        size: Diameter on a map of 100 units.
    """

    name: str
    color: str
    ring: bool
    size: float


KINDS = (
    Kind("retained, answered rightly", "--ls-edge", False, 1.1),
    Kind("retained, answered wrongly", "--ls-retain", True, 2.2),
    Kind("to forget, answered otherwise", "--ls-forget", True, 2.4),
    Kind("to forget, still recognised", "--ls-forget", False, 2.2),
)
"""What the points of a map can be, those that matter most drawn last."""


def accuracy_bars(forgotten: float | None, retained: float | None) -> str:
    """Two bars: accuracy left on what is to be forgotten, and accuracy on what is retained.

    Args:
        forgotten: A share; None where it is not known.
        retained: A share; None where it is not known.
    """
    rows = (("forget", forgotten, 14), ("retain", retained, 34))
    drawn = "".join(_bar(name, value, y) for name, value, y in rows)
    said = f"accuracy left on the forget set {_percent(forgotten)}, on the retain set {_percent(retained)}"
    return f'<svg viewBox="0 0 96 56" width="96" height="56" role="img" aria-label="{said}">{drawn}</svg>'


def _bar(name: str, value: float | None, y: int) -> str:
    track = f'<rect x="4" y="{y}" width="88" height="8" rx="4" fill="var(--ls-sunken)"/>'
    if value is None:
        return track
    return track + f'<rect x="4" y="{y}" width="{max(2.0, 88 * value):.1f}" height="8" rx="4" fill="var(--ls-{name})"/>'


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def positions_of(frame: MapFrame) -> np.ndarray:
    """Places of the points, float32[n, 2].

    Args:
        frame: A picture of the map.
    """
    return np.frombuffer(base64.b64decode(frame.positions), "<f4").reshape(-1, 2)


def answers_of(frame: MapFrame, classes: int) -> np.ndarray:
    """What each point is taken for, int[n].

    Args:
        frame: A picture of the map.
        classes: How many classes there are; above 256 an answer takes two bytes.
    """
    return np.frombuffer(base64.b64decode(frame.answers), "<u2" if classes > 256 else "u1").astype(int)


def extent_of(frames: Sequence[MapFrame]) -> Extent:
    """The smallest square that holds every point of every picture; a unit square where there are none."""
    places = [positions_of(frame) for frame in frames]
    points = np.concatenate([place[np.isfinite(place).all(1)] for place in places]) if places else np.zeros((0, 2), np.float32)
    if not len(points):
        return Extent(0.0, 0.0, 1.0)
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) or 1.0
    left, bottom = ((low + high) / 2 - side / 2).tolist()
    return Extent(left, bottom, side)


def kinds_of(points: MapPoints, frame: MapFrame, classes: int) -> np.ndarray:
    """Place in `KINDS` of each point, int[n]: to be forgotten or not, answered rightly or not."""
    right = answers_of(frame, classes) == np.array(points.labels)
    return np.where(np.array(points.target), np.where(right, 3, 2), np.where(right, 0, 1))


def counts_of(points: MapPoints, frame: MapFrame, classes: int) -> tuple[int, ...]:
    """How many points there are of each of `KINDS`."""
    return tuple(np.bincount(kinds_of(points, frame, classes), minlength=len(KINDS)).tolist())


def map_picture(points: MapPoints, frame: MapFrame, extent: Extent, classes: int, title: str) -> str:
    """A map as SVG of about 15 bytes a point.

    Args:
        points: Which examples they are.
        frame: Where they lie and what they are taken for.
        extent: What is shown; the same for maps that are compared.
        classes: How many classes there are.
        title: Which map it is; escaped here.
    """
    kinds, places = kinds_of(points, frame, classes), _on_paper(positions_of(frame), extent)
    drawn = "".join(part for number, kind in enumerate(KINDS) for part in _dots(places[kinds == number], kind))
    counts = zip(KINDS, counts_of(points, frame, classes), strict=True)
    said = escape(f"{title}: " + ", ".join(f"{count} {kind.name}" for kind, count in counts), quote=True)
    return (
        f'<svg viewBox="0 0 {SIDE:g} {SIDE:g}" class="ls-map" role="img" aria-label="{said}" '
        f'fill="none" stroke-linecap="round">{drawn}</svg>'
    )


def _on_paper(places: np.ndarray, extent: Extent) -> np.ndarray:
    scale = (SIDE - 2 * _MARGIN) / extent.side
    x = _MARGIN + (places[:, 0] - extent.left) * scale
    y = SIDE - _MARGIN - (places[:, 1] - extent.bottom) * scale
    return np.stack([x, y], 1)


def _dots(places: np.ndarray, kind: Kind) -> Iterator[str]:
    """Lines without length and with round ends: the shortest way to say many dots. A ring is a dot with a hole."""
    seen = places[np.isfinite(places).all(1)]
    if not len(seen):
        return
    way = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in seen.tolist())
    faint = ' stroke-opacity="0.55"' if kind is KINDS[0] else ""
    yield f'<path d="{way}" stroke="var({kind.color})" stroke-width="{kind.size}"{faint}/>'
    if kind.ring:
        yield f'<path d="{way}" stroke="var(--ls-surface)" stroke-width="{0.4 * kind.size:.1f}"/>'
