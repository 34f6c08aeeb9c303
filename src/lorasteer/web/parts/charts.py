"""Small drawings as SVG of our own: they take the page's colours, print sharp, and say their numbers to a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lorasteer.web.parts.markup import Markup, tag

WIDTH, HEIGHT = 360.0, 168.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 8.0, 8.0, 22.0


class Series(NamedTuple):
    """A line of a drawing.

    Attributes:
        name: What it is; one word, which is its style's name too.
        points: x and y, both 0 to 1; None breaks the line.
        dots: Whether each point gets a dot.
        words: What each point says when the mouse rests on it; empty for nothing.
    """

    name: str
    points: Sequence[tuple[float, float] | None]
    dots: bool = False
    words: Sequence[str] = ()


def across(share: float) -> float:
    """Place of a share of the width, in units of the drawing."""
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def up(share: float) -> float:
    """Place of a share of the height, counted from below."""
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def plot(inside: Sequence[Markup], *, words: str, ticks: Sequence[tuple[float, str]], top: float = 1.0) -> Markup:
    """Axes around shapes.

    Args:
        inside: Shapes, made with `line` or by hand with `across` and `up`.
        words: The numbers in words, for those who do not see it.
        ticks: Marks below: share of the width, and text.
        top: What the full height stands for, as a share.
    """
    grid = [_rule(share, f"{share * top:.0%}") for share in (0.0, 0.5, 1.0)]
    marks = [tag("text", text, x=f"{across(at):.1f}", y=HEIGHT - 6, text_anchor="middle") for at, text in ticks]
    return tag(
        "svg", *grid, *inside, *marks, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", aria_label=words, class_="wb-chart"
    )


def _rule(share: float, text: str) -> Markup:
    y = f"{up(share):.1f}"
    rule = tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="wb-rule")
    return tag("g", rule, tag("text", text, x=LEFT - 5, y=f"{up(share) + 4:.1f}", text_anchor="end"))


def line(series: Series) -> Markup:
    """A line with its dots."""
    runs: list[list[str]] = [[]]
    for point in series.points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(f"{across(point[0]):.1f},{up(point[1]):.1f}")
    shapes = [tag("polyline", points=" ".join(run), fill="none") for run in runs if len(run) > 1]
    if series.dots:
        said = [*series.words, *[""] * len(series.points)]
        shapes += [_dot(point, said[place]) for place, point in enumerate(series.points) if point is not None]
    return tag("g", *shapes, class_=f"wb-line wb-line-{series.name}")


def _dot(point: tuple[float, float], words: str) -> Markup:
    title = [tag("title", words)] if words else []
    return tag("circle", *title, cx=f"{across(point[0]):.1f}", cy=f"{up(point[1]):.1f}", r=3.5)


def double_bar(base: float, now: float, kind: str) -> Markup:
    """A cell of a table with two bars, the base behind and the model now in front; both are shares.

    Args:
        base: What the base says.
        now: What the model says now.
        kind: Style of the bar in front.
    """
    behind = tag("i", class_="wb-base", style=f"width:{base:.2%}")
    front = tag("i", class_=f"wb-now-bar wb-{kind}", style=f"width:{now:.2%}")
    return tag("td", tag("div", behind, front, class_="wb-bar-box", aria_hidden="true"), class_="wb-bar-cell")
