"""First-time hints: one sentence about the next thing to do, for as long as they are wanted."""

from __future__ import annotations

from nicegui import ui

from lorasteer.web.parts.controls import button
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.draft import Draft
from lorasteer.web.parts.frame import remember
from lorasteer.web.parts.news import Looking
from lorasteer.web.views import SessionView

COOKIE = "lorasteer-hints"
OFF = "off"


class Hints:
    """The line with the hint. "No more hints" is remembered by the browser."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._wanted = ui.context.client.request.cookies.get(COOKIE) != OFF
        with ui.element("div").classes("wb-hint") as self._box:
            self._words = ui.label().props("role=status aria-live=polite")
            button("No more hints", self._no_more)
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Draft, lambda _: self._draw())
        desk.on(Looking, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        words = hint(self.desk)
        self._words.set_text(words)
        self._box.set_visibility(self._wanted and bool(words))

    def _no_more(self) -> None:
        self._wanted = False
        remember(COOKIE, OFF)
        self._draw()


def hint(desk: Desk) -> str:
    """What a newcomer would want to know now; empty when there is nothing."""
    view, made = desk.view, len(desk.view.nodes) - 1
    if view.state == "closed":
        return ""
    if view.state in ("unlearning", "evaluating"):
        return "The model changes now. Watch the points move and the two numbers; Interrupt keeps what is reached."
    if not made and not desk.draft.complete:
        return "First: choose what to forget. Press a class under Target, or draw around points on the map."
    if not made:
        return "Then: set how strongly, look at the plan below it, and press Forget."
    if desk.looking.findings:
        return "You look at something that is not in force. Keep makes it an iteration; Escape goes back."
    if made == 1:
        return (
            "Compare now with retrained. Not enough? Continue. Too much? Turn the strength down, or Undo: nothing is ever lost."
        )
    return ""
