"""Accuracy on each class, as bars: the base behind, the model now in front."""

from __future__ import annotations

from collections.abc import Sequence

from lorasteer.session.feedback import ClassAccuracy
from lorasteer.web.parts.charts import double_bar
from lorasteer.web.parts.markup import Markup, tag

MOST = 40
"""So many classes are drawn: of the target first, then those that changed most."""


def class_bars(classes: Sequence[ClassAccuracy]) -> Markup:
    """A row for each class; of many, those of the target and those that changed most."""
    if not classes:
        return tag("p", "Accuracy by class comes here after the first unlearning.", class_="wb-empty")
    chosen = (
        sorted(classes, key=lambda one: (-(one.target > 0), -abs(one.after - one.base)))[:MOST]
        if len(classes) > MOST
        else classes
    )
    rows = [_bar(one) for one in chosen]
    left = len(classes) - len(chosen)
    note = [tag("p", f"{left} more classes that changed less are not drawn.", class_="wb-quiet-text")] if left else []
    legend = tag("p", tag("i", "", class_="wb-key-base"), "base ", tag("i", "", class_="wb-key-retain"), "now ",
                 tag("i", "", class_="wb-key-forget"), "now, to be forgotten", class_="wb-legend")  # fmt: skip
    return tag("div", legend, tag("table", tag("tbody", *rows), class_="wb-bars", aria_label="Accuracy by class"), *note)


def _bar(one: ClassAccuracy) -> Markup:
    kind = "forget" if one.target >= 0.5 else "part" if one.target > 0 else "retain"
    change = 100 * (one.after - one.base)
    name = tag("th", one.name, tag("span", " forget", class_="wb-mark") if one.target else "", scope="row",
               title=f"{one.n:,} test examples, {one.target:.0%} of them meet the target")  # fmt: skip
    less = tag("td", f"{change:+.1f}" if abs(change) >= 0.05 else "0", class_="wb-quiet-text", title=f"base {one.base:.1%}")
    return tag("tr", name, double_bar(one.base, one.after, kind), tag("td", f"{one.after:.1%}"), less)
