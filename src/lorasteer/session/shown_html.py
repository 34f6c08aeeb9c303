"""A session drawn for a notebook: one piece of HTML that loads nothing. Every word that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lorasteer.session.shown import Branch, Curve, Line, curves_of, table_of, tree_of
from lorasteer.session.standing import Standing

WIDTH, HEIGHT, MARGIN = 320, 90, 8
COLOURS = {"forgotten": "#d1495b", "retained": "#30638e"}
GOOD, BAD, PLAIN = "#2a7f3f", "#b3261e", "#8a6d00"
_CELL = "padding:2px 10px;text-align:right;font-variant-numeric:tabular-nums"


def page(session: Standing) -> str:
    """The whole session as HTML: heading, table, curves, tree."""
    current = session.current
    target = current.wording if current else "the base is in force"
    title = f"<p><b>run {escape(session.id)}</b> · {escape(session.state)} · {escape(target)}</p>"
    parts = [title, metrics(table_of(session)), curves(curves_of(session)), tree(tree_of(session))]
    return f'<div class="lorasteer-session" style="font-family:system-ui,sans-serif">{"".join(parts)}</div>'


def metrics(lines: Sequence[Line]) -> str:
    """The table, a metric in each line."""
    if not lines:
        return "<p>Nothing is forgotten yet.</p>"
    titles = ("metric", "base", "parent", "now", "retrained ± floor")
    head = "".join(f'<th scope="col" style="{_CELL}">{title}</th>' for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, lines))}</tbody></table>"


def _row(line: Line) -> str:
    colour = {True: GOOD, False: BAD, None: PLAIN}[line.good]
    arrow = f' <span style="color:{colour}">{line.arrow}</span>' if line.arrow else ""
    values = [escape(line.base), escape(line.parent), escape(line.now) + arrow, escape(line.retrained)]
    cells = "".join(f'<td style="{_CELL}">{value}</td>' for value in values)
    return f'<tr><th scope="row" style="text-align:left;font-weight:normal">{escape(line.name)}</th>{cells}</tr>'


def curves(found: Sequence[Curve]) -> str:
    """Accuracy over the iterations as an inline picture, from 0 to 100 %."""
    if not found:
        return ""
    said = "; ".join(f"{curve.name} {_said(curve.values[-1])}" for curve in found)
    lines = "".join(_line(curve) for curve in found)
    legend = " ".join(f'<span style="color:{_colour(curve)}">━</span> {escape(curve.name)}' for curve in found)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return (
        f'<svg {size} role="img" aria-label="what is left: {escape(said)}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999" stroke-width="0.5"/>{lines}</svg><p>{legend}</p>'
    )


def _line(curve: Curve) -> str:
    step = (WIDTH - 2 * MARGIN) / max(1, len(curve.values) - 1)
    points = [(MARGIN + place * step, _y(value)) for place, value in enumerate(curve.values) if value is not None]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_colour(curve)}"/>' for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{_colour(curve)}" stroke-width="1.5"/>{dots}'


def _y(share: float) -> float:
    return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)


def _colour(curve: Curve) -> str:
    return COLOURS.get(curve.name, "#777")


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def tree(branches: Sequence[Branch]) -> str:
    """The tree of iterations; the head is marked."""
    return f'<pre style="line-height:1.3">{chr(10).join(map(_branch, branches))}</pre>'


def _branch(branch: Branch) -> str:
    text = f"{branch.stem}{'●' if branch.head else '○'} {branch.number} {branch.text}"
    marked = f"<b>{escape(text)}</b>" if branch.head else escape(text)
    return f"{marked}  {escape(branch.values)}" if branch.values else marked
