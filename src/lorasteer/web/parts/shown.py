"""A drawing of what the numbers show: drawn anew when that changes, from findings alone."""

from __future__ import annotations

from collections.abc import Callable

from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, show
from lorasteer.web.parts.news import Looking
from lorasteer.web.views import Findings, SessionView


class Shown:
    """A place on the page that shows findings: those of the head, or of what is looked at.

    Args:
        desk: The page's place at the session.
        draw: Makes markup of findings; of None before there are any.
    """

    def __init__(self, desk: Desk, draw: Callable[[Findings | None], Markup]) -> None:
        self._desk, self._draw = desk, draw
        self._place = drawn()
        desk.on(SessionView, lambda _: self._update())
        desk.on(Looking, lambda _: self._update())
        self._update()

    def _update(self) -> None:
        show(self._place, self._draw(self._desk.shown))
