"""What the examples of the target are taken for, before and now."""

from __future__ import annotations

from lorasteer.web.parts.charts import double_bar
from lorasteer.web.parts.markup import Markup, tag
from lorasteer.web.views import Confusion

MOST = 10
"""So many answers are drawn, the most frequent ones."""


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
    shares = (tag("td", f"{base:.1%}"), tag("td", f"{now:.1%}"))
    return tag("tr", tag("th", name, scope="row"), double_bar(base, now, "accent"), *shares)
