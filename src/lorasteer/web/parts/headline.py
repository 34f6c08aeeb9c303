"""The two numbers that matter most, large: what is left of the target, and what is retained. They move while a model unlearns."""

from __future__ import annotations

from collections.abc import Sequence

from lorasteer.evaluation.table import MISSING
from lorasteer.session.history import BASE
from lorasteer.session.shown import CURVES
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, joined, show, tag
from lorasteer.web.parts.news import Looking
from lorasteer.web.views import Progress, SessionView, TableRow

WORDS = {"forgotten": "Target still recognised", "retained": "Rest still known"}


class Headline:
    """The two numbers of what is shown; of the training while one runs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._place = drawn().classes("wb-headline").props("role=status aria-live=polite")
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Looking, lambda _: self._draw())
        desk.on(Progress, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        found, live = self.desk.shown, self.desk.room.progress if self.desk.view.state == "unlearning" else None
        tiles = []
        for name, metrics in CURVES:
            row = first(found.rows if found else (), metrics)
            moving = getattr(live, name) if live else None
            now = f"{moving:.1%}" if moving is not None else _short(row) if row else _base(self.desk, name)
            about = "live" if moving is not None else f"base {_base(self.desk, name)}" if row else "base"
            tiles.append(_tile(name, now, about))
        show(self._place, joined(tiles))


def first(rows: Sequence[TableRow], metrics: Sequence[str]) -> TableRow | None:
    """The first of some metrics that the table has a number for."""
    known = {row.metric.replace(" ", "_"): row for row in rows if row.value is not None}
    return next((known[name] for name in metrics if name in known), None)


def _short(row: TableRow) -> str:
    return row.now if row.value is None or row.unit != "share" else f"{row.value:.1%}"


def _base(desk: Desk, name: str) -> str:
    """What the base says, as far as it is known before anything is forgotten."""
    node = desk.node(BASE)
    value = getattr(node, name) if node else None
    value = desk.view.base.accuracy if value is None else value
    return MISSING if value is None else f"{value:.1%}"


def _tile(name: str, value: str, about: str) -> Markup:
    label, number = tag("div", WORDS[name], class_="wb-tile-name"), tag("b", value, class_="wb-tile-value")
    line = tag("div", number, " ", tag("span", about, class_="wb-tile-about"))
    return tag("div", label, line, class_=f"wb-tile wb-is-{name}")
