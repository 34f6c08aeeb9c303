"""The examples whose answer changed most, of the target and of the rest."""

from __future__ import annotations

from collections.abc import Sequence

from lorasteer.session.feedback import Moved
from lorasteer.web.parts.desk import Desk, Looking
from lorasteer.web.parts.markup import Markup, drawn, show, tag
from lorasteer.web.views import SessionView


class ChangedPart:
    """The list of what is shown."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._place = drawn()
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Looking, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        found = self.desk.shown
        show(self._place, moved(found.examples if found else ()))


def moved(examples: Sequence[Moved]) -> Markup:
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
