"""What the examples of the target are taken for, before and now."""

from __future__ import annotations

from lorasteer.web.parts.desk import Desk, Looking
from lorasteer.web.parts.markup import Markup, drawn, show, tag
from lorasteer.web.views import Confusion, SessionView

MOST = 10
"""So many answers are drawn, the most frequent ones."""


class ConfusionPart:
    """The change of what is shown."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._place = drawn()
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Looking, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        found = self.desk.shown
        show(self._place, taken_for(found.confusion if found else None))


def taken_for(found: Confusion | None) -> Markup:
    """A row for each answer that the target is given, before and now."""
    if found is None:
        return tag("p", "What the target is taken for comes here after the first unlearning.", class_="wb-empty")
    rows = sorted(zip(found.classes, found.base, found.now, strict=True), key=lambda row: -max(row[1], row[2]))
    drawn_rows = [_row(*row) for row in rows[:MOST] if max(row[1:]) > 0.0005]
    head = tag(
        "tr",
        tag("th", "taken for", scope="col"),
        tag("th", "", scope="col", aria_hidden="true"),
        tag("th", "base", scope="col"),
        tag("th", "now", scope="col"),
    )
    legend = tag(
        "p", tag("i", "", class_="wb-key-base"), "base ", tag("i", "", class_="wb-key-accent"), "now", class_="wb-legend"
    )
    return tag(
        "div",
        legend,
        tag("table", tag("thead", head), tag("tbody", *drawn_rows), class_="wb-bars", aria_label="What the target is taken for"),
    )


def _row(name: str, base: float, now: float) -> Markup:
    bar = tag("div", tag("i", "", class_="wb-base", style=f"width:{base:.2%}"), tag("i", "", class_="wb-now-bar wb-accent", style=f"width:{now:.2%}"),
              class_="wb-bar-box", aria_hidden="true")  # fmt: skip
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", bar, class_="wb-bar-cell"),
        tag("td", f"{base:.1%}"),
        tag("td", f"{now:.1%}"),
    )
