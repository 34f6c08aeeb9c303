"""Small plots as inline SVG of our own: lines with bands, points, and strips of one reading in its band. They load nothing.

Colours are CSS classes, so a page can be light or dark; dashes and hollow points tell the same as colours do. A plot is 440 units
wide, so that its text can still be read on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 440, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 44
_STRIP_WIDTH, _STRIP_HEIGHT = 180, 22
_TICKS = 5
_NAMED = 7  # named places that have room below a plot


class Line(NamedTuple):
    """A line of a plot.

    Args:
        label: What it shows.
        look: CSS class of its colour and dash: `tested`, `base`, `retrained` or `never-trained`.
        x: Places.
        y: Values.
        low: Lower end of a band around it; empty for none.
        high: Upper end of that band.
    """

    label: str
    look: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Dots(NamedTuple):
    """Points of one kind.

    Args:
        label: What they are.
        look: CSS class: `target` (filled) or `others` (hollow).
        points: Places in the plane.
    """

    label: str
    look: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """From numbers to places along one side of a plot.

    Args:
        least: Smallest number shown.
        most: Largest number shown.
        place: Number to place.
        ticks: Numbers that are written, with their text.
    """

    least: float
    most: float
    place: Callable[[float], float]
    ticks: tuple[tuple[float, str], ...]


def line_plot(
    title: str, lines: Sequence[Line], *, x_label: str, y_label: str, ticks: Sequence[str] = (), logarithmic: bool = False,
    diagonal: bool = False,
) -> str:  # fmt: skip
    """Lines over a common axis.

    Args:
        title: What the plot shows, for those who do not see it.
        lines: At least one, drawn in their order.
        x_label: What the places are.
        y_label: What the values are.
        ticks: Names of the places 0, 1, 2 … where they have names.
        logarithmic: Whether places are shown by their logarithm; those at 0 are left at the edge.
        diagonal: Whether to draw where value equals place, which is what chance gives.
    """
    across, up = _across(lines, ticks, logarithmic), _up(lines)
    drawn = [_frame(across, up, x_label, y_label)]
    if diagonal:
        drawn.append(_diagonal(across, up))
    drawn += [_band(line, across, up) for line in lines if line.low]
    drawn += [_drawn(line, across, up) for line in lines]
    return _svg(title, WIDTH, HEIGHT, "".join(drawn))


def _svg(title: str, width: float, height: float, content: str, look: str = "plot") -> str:
    return f'<svg class="{look}" role="img" viewBox="0 0 {width:g} {height:g}"><title>{escape(title)}</title>{content}</svg>'


def _across(lines: Sequence[Line], names: Sequence[str], logarithmic: bool) -> Axis:
    places = [place for line in lines for place in line.x]
    start, end = _LEFT, WIDTH - _RIGHT
    if logarithmic:
        least = min((place for place in places if place > 0), default=1e-3)
        low, high = math.floor(math.log10(least) + 1e-9), math.log10(max(1.0, *places))
        powers = range(low, math.floor(high) + 1)
        ticks = tuple((10.0**power, f"{10.0**power:g}") for power in powers)

        def scale(value: float) -> float:
            part = (math.log10(max(value, 10.0**low)) - low) / ((high - low) or 1)
            return start + part * (end - start)

        return Axis(10.0**low, 10.0**high, scale, ticks)
    least, most = min(places), max(places)
    axis = _linear(least, most if most > least else least + 1, start, end)
    if not names:
        return axis
    every = math.ceil(len(names) / _NAMED)
    return axis._replace(ticks=tuple((float(place), name) for place, name in enumerate(names) if place % every == 0))


def _up(lines: Sequence[Line]) -> Axis:
    values = [value for line in lines for value in (*line.y, *line.low, *line.high)]
    least, most = min(values), max(values)
    if least >= 0 and most <= 1:
        least, most = 0.0, 1.0
    return _linear(least, most if most > least else least + 1, HEIGHT - _BOTTOM, _TOP)


def _linear(least: float, most: float, start: float, end: float) -> Axis:
    step = _step((most - least) / (_TICKS - 1))
    first = math.ceil(least / step - 1e-9)
    ticks = tuple((step * n, f"{step * n:.6g}") for n in range(first, math.floor(most / step + 1e-9) + 1))
    return Axis(least, most, lambda value: start + (value - least) / (most - least) * (end - start), ticks)


def _step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten.

    Example:
        >>> _step(0.25), _step(3.1), _step(0.6)
        (0.25, 5.0, 1.0)
    """
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * (1 - 1e-9))


def _frame(across: Axis, up: Axis, x_label: str, y_label: str) -> str:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for value, text in up.ticks:
        y = up.place(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for value, text in across.ticks:
        x = across.place(value)
        anchor = "end" if x > right - 20 else "middle"
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="{anchor}">{escape(text)}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(
        f'<text class="name" x="{(_LEFT + right) / 2:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>'
    )
    turned = f'transform="rotate(-90 11 {middle:.1f})"'
    parts.append(f'<text class="name" x="11" y="{middle:.1f}" {turned} text-anchor="middle">{escape(y_label)}</text>')
    return "".join(parts)


def _diagonal(across: Axis, up: Axis) -> str:
    steps = [across.least + (across.most - across.least) * (part / 60) ** 3 for part in range(61)]
    points = _points(zip(steps, steps, strict=True), across, up)
    return f'<polyline class="chance" points="{points}"/>'


def _band(line: Line, across: Axis, up: Axis) -> str:
    there, back = zip(line.x, line.high, strict=True), zip(reversed(line.x), reversed(line.low), strict=True)
    return f'<polygon class="band {line.look}" points="{_points([*there, *back], across, up)}"/>'


def _drawn(line: Line, across: Axis, up: Axis) -> str:
    places = list(zip(line.x, line.y, strict=True))
    drawn = f'<polyline class="line {line.look}" points="{_points(places, across, up)}"/>'
    marks = "".join(
        f'<circle class="mark {line.look}" cx="{across.place(x):.1f}" cy="{up.place(y):.1f}" r="2.6"/>' for x, y in places
    )
    return drawn + (marks if len(places) <= 2 * _NAMED else "")


def _points(places: Iterator[tuple[float, float]] | Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    return " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in places)


def key(lines: Sequence[Line | Dots]) -> str:
    """What the lines or points of a plot are, each label once, as a list beside it."""
    named = dict.fromkeys((line.label, line.look, isinstance(line, Dots)) for line in lines)
    entries = "".join(f"<li>{_sample(look, dots)}{escape(label)}</li>" for label, look, dots in named)
    return f'<ul class="key">{entries}</ul>'


def _sample(look: str, dots: bool) -> str:
    drawn = (
        f'<circle class="dot {look}" cx="12" cy="6" r="3.5"/>'
        if dots
        else f'<line class="line {look}" x1="1" x2="23" y1="6" y2="6"/><circle class="mark {look}" cx="12" cy="6" r="2.6"/>'
    )
    return f'<svg aria-hidden="true" width="24" height="12" viewBox="0 0 24 12">{drawn}</svg>'


def dot_plot(title: str, groups: Sequence[Dots]) -> str:
    """Points in a plane, without axes: distances count, places do not.

    Args:
        title: What the plot shows, for those who do not see it.
        groups: Drawn in their order; all of them together fill the plot.
    """
    points = [point for group in groups for point in group.points]
    (left, right), (low, high) = ((min(side), max(side)) for side in zip(*points, strict=True))
    span = max(right - left, high - low) or 1.0
    side = HEIGHT - 2 * _TOP

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = HEIGHT / 2 + (point[0] - (left + right) / 2) / span * side
        return x, HEIGHT / 2 - (point[1] - (low + high) / 2) / span * side

    drawn = "".join(
        f'<circle class="dot {group.look}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        for group in groups
        for x, y in map(place, group.points)
    )
    return _svg(title, HEIGHT, HEIGHT, drawn)


def strip(title: str, value: float, low: float, high: float, base: float | None) -> str:
    """One reading in its band, with the base's beside it: a bar, a filled and a hollow mark.

    Args:
        title: The same in words.
        value: The reading.
        low: Lower end of the band.
        high: Upper end of it.
        base: What the base shows; None where it was not measured.
    """
    shown = [value, low, high, *(() if base is None else (base,))]
    least, most = min(shown), max(shown)
    axis = _linear(least, most if most > least else least + 1, 8, _STRIP_WIDTH - 8)
    middle = _STRIP_HEIGHT / 2
    start, end = axis.place(low), axis.place(high)
    drawn = [
        f'<line class="grid" x1="4" x2="{_STRIP_WIDTH - 4}" y1="{middle:g}" y2="{middle:g}"/>',
        f'<rect class="within" x="{start:.1f}" y="{middle - 6:g}" width="{max(3.0, end - start):.1f}" height="12" rx="3"/>',
    ]
    drawn.append(f'<circle class="value-mark" cx="{axis.place(value):.1f}" cy="{middle:g}" r="4"/>')
    if base is not None:
        drawn.append(f'<circle class="base-mark" cx="{axis.place(base):.1f}" cy="{middle:g}" r="6.5"/>')
    return _svg(title, _STRIP_WIDTH, _STRIP_HEIGHT, "".join(drawn), "strip")
