"""The table: base, parent, now, retrained, with the band to aim at; and what a person should not miss, in words."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from lorasteer.web.parts.controls import button
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, joined, show, tag
from lorasteer.web.parts.news import Looking
from lorasteer.web.views import Findings, SessionView, TableRow

BOUNDED = frozenset({"share", "auc"})
"""Units that run from 0 to 1, so that a band can be drawn."""
EMPTY = "After the first unlearning, the base, the model now and retrained models stand here beside each other, in numbers."
WIDE = 56
"""Width of a band's drawing, in CSS pixels."""


class NumbersPart:
    """The table of the head, or of what is looked at."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with ui.element("div").classes("wb-looking") as self._banner:
            self._looking = ui.label().props("role=status aria-live=polite")
            button("Back to head", lambda: desk.look(None), kind="plain", title="Show the iteration in force again (Escape)")
        self._table = drawn().classes("wb-table-box")
        self._words = drawn().classes("wb-words").props("role=status aria-live=polite")
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Looking, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        self._banner.set_visibility(self.desk.looking.findings is not None)
        self._looking.set_text(self.desk.looking.words)
        found = self.desk.shown
        if found is None:
            show(self._table, tag("p", EMPTY, class_="wb-empty"))
            show(self._words, joined(()))
            return
        show(self._table, table(found))
        show(self._words, tag("ul", *(tag("li", sentence(words)) for words in found.words)))


def sentence(words: str) -> str:
    """Words with a capital at their beginning.

    Example:
        >>> sentence("nothing changed.")
        'Nothing changed.'
    """
    return words[:1].upper() + words[1:]


def table(found: Findings) -> Markup:
    """The table of some findings as HTML; columns that are empty throughout are left out."""
    parent = f"iter. {found.compared}" if found.compared else "parent"
    titles = {"base": "base", "parent": parent, "now": "now", "retrained": "retrained"}
    empty = {name for name in ("parent", "retrained") if not any(getattr(row, name) for row in found.rows)}
    shown = [name for name in titles if name not in empty]
    heads = [tag("th", titles[name], scope="col", class_=f"wb-col-{name}") for name in shown]
    head = tag("tr", tag("th", "metric", scope="col"), *heads, tag("th", "aim", scope="col"))
    return tag("table", tag("thead", head), tag("tbody", *(_row(row, shown) for row in found.rows)), class_="wb-table")


def _row(row: TableRow, shown: Sequence[str]) -> Markup:
    texts = {"now": _now(row), "retrained": _retrained(row)}
    cells = [tag("td", texts.get(name, getattr(row, name)), class_=f"wb-col-{name}") for name in shown]
    about = f"{row.help} n = {row.n:,}." if row.n else row.help
    return tag(
        "tr",
        tag("th", row.name, scope="row", title=about),
        *cells,
        tag("td", _aim(row), class_="wb-col-aim"),
        data_metric=row.metric,
    )


def _retrained(row: TableRow) -> Markup:
    mean, sign, floor = row.retrained.partition(" ± ")
    return joined([mean, tag("small", f"± {floor}")] if sign else [mean])


def _now(row: TableRow) -> Markup:
    if not row.arrow:
        return joined([row.now])
    kind = {True: "wb-good", False: "wb-bad", None: "wb-turn"}[row.good]
    words = {True: "better", False: "worse", None: "changed"}[row.good]
    return joined([row.now, " ", tag("span", row.arrow, class_=kind, title=f"{words}; more than chance would explain")])


def _aim(row: TableRow) -> Markup:
    """The band on a line from 0 to 1, and where the model is on it; words where that cannot be drawn."""
    if row.low is None or row.high is None:
        return tag("span", "–", class_="wb-quiet-text", title="No band: no retrained models, and the plan says nothing of it")
    inside = row.value is not None and row.low <= row.value <= row.high
    words = f"aim {row.low:.3g} to {row.high:.3g}: " + (
        "not defined" if row.value is None else "reached" if inside else "not reached"
    )
    if row.unit not in BOUNDED:
        return tag(
            "span", "✓" if inside else "✗", class_="wb-good" if inside else "wb-bad", title=words, aria_label=words, role="img"
        )
    left, right = (WIDE * min(1.0, max(0.0, end)) for end in (row.low, row.high))
    shapes = [
        tag("rect", x=0, y=5, width=WIDE, height=4, rx=2, class_="wb-track"),
        tag(
            "rect", x=f"{min(left, WIDE - 3):.1f}", y=2, width=f"{max(3.0, right - left):.1f}", height=10, rx=2, class_="wb-band"
        ),
    ]
    if row.value is not None:
        at = WIDE * min(1.0, max(0.0, row.value))
        shapes.append(
            tag(
                "rect",
                x=f"{min(WIDE - 2.0, max(0.0, at - 1)):.1f}",
                y=0,
                width=2.5,
                height=14,
                class_="wb-good-fill" if inside else "wb-bad-fill",
            )
        )
    return tag("svg", tag("title", words), *shapes, width=WIDE, height=14, role="img", aria_label=words)
