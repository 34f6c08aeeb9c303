"""The examples whose answer changed most, of the target and of the rest."""

from __future__ import annotations

from collections.abc import Sequence

from lorasteer.session.feedback import Moved
from lorasteer.web.parts.markup import Markup, tag


def changed(examples: Sequence[Moved]) -> Markup:
    """A row for each example: true class, and the answer before and after with its probability."""
    if not examples:
        return tag("p", "Examples whose answer changed most come here after the first unlearning.", class_="wb-empty")
    titles = ("example", "true", "before", "after")
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    return tag("table", tag("thead", head), tag("tbody", *map(_row, examples)), class_="wb-table wb-examples")


def _row(one: Moved) -> Markup:
    mark = tag("span", " forget", class_="wb-mark") if one.target else ""
    answers = [
        tag("td", name, tag("small", f" {sure:.0%}"))
        for name, sure in ((one.before, one.sure_before), (one.after, one.sure_after))
    ]
    return tag("tr", tag("th", one.id, mark, scope="row", title=f"{one.part} example"), tag("td", one.label), *answers)
