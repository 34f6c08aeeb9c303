"""What a person must be told whatever they are doing: others decided, the work died, the head was moved and can be moved back."""

from __future__ import annotations

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.session.history import BASE
from lorasteer.web.parts.controls import button
from lorasteer.web.parts.desk import Desk, Elsewhere, Moved, Overtaken
from lorasteer.web.views import Crash, SessionView

SHOWN = 8.0
"""Seconds that a short notice stays."""


class Notices:
    """Banners above the page, and short notices at its foot."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with ui.element("div").classes("wb-banner wb-is-warn").props("role=alert") as self._stale:
            self._stale_words = ui.label()
            button("Look", desk.caught_up, kind="main", title="Show the session as it is now; what you have written stays")
        with ui.element("div").classes("wb-banner wb-is-bad").props("role=alert") as self._crash:
            self._crash_words = ui.label()
            button("Begin again", self._restart, kind="main", title="Start the work again at the last complete iteration")
        with ui.element("div").classes("ls-toast").props("role=status") as self._toast:
            self._toast_words = ui.label()
            self._back = button("Take back", self._take_back)
            button("Close", self._hide)
        self._number = BASE
        self._timer = ui.timer(SHOWN, self._hide, active=False)
        for one in (self._stale, self._crash, self._toast):
            one.set_visibility(False)
        desk.on(Overtaken, self._overtaken)
        desk.on(Crash, self._crashed)
        desk.on(Elsewhere, self._elsewhere)
        desk.on(Moved, self._moved)
        desk.on(SessionView, lambda view: self._crash.set_visibility(False) if view.allowed else None)

    def _overtaken(self, news: Overtaken) -> None:
        self._stale.set_visibility(news.stale is not None)
        if news.stale:
            deed = news.stale.latest
            self._stale_words.set_text(f"Not done: {deed.actor} did “{deed.action}” at {clock(deed.time)} meanwhile. Look, then decide again.")

    def _crashed(self, news: Crash) -> None:
        self._crash_words.set_text(news.words)
        self._crash.set_visibility(True)

    async def _restart(self) -> None:
        try:
            self.desk.take(await self.desk.room.restart())
            self._crash.set_visibility(False)
        except LorasteerError as error:
            self._crash_words.set_text(str(error))

    def _elsewhere(self, news: Elsewhere) -> None:
        deed = news.deed
        self._say(f"{deed.actor} did “{deed.action}” at {clock(deed.time)}" + (f": {deed.why}" if deed.why else "."), back=None)

    def _moved(self, news: Moved) -> None:
        now = self.desk.view.head
        words = "Undone" if news.action == "undo" else "Moved"
        self._say(f"{words}: {_name(now)} is in force.", back=news.back if news.back != now else None)

    def _say(self, text: str, *, back: int | None) -> None:
        self._toast_words.set_text(text)
        self._back.set_visibility(back is not None)
        if back is not None:
            self._number = back
            self._back.set_text(f"Back to {_name(back)}")
        self._toast.set_visibility(True)
        self._timer.cancel()
        with self._toast:
            self._timer = ui.timer(SHOWN, self._hide, once=True)

    def _hide(self) -> None:
        self._toast.set_visibility(False)

    async def _take_back(self) -> None:
        self._hide()
        await self.desk.go(self._number)


def clock(time: str) -> str:
    """Hours and minutes of a time of the log, UTC.

    Example:
        >>> clock("2026-11-25T03:04:05+00:00")
        '03:04 UTC'
    """
    return f"{time[11:16]} UTC" if len(time) >= 16 else time


def _name(number: int) -> str:
    return "the base" if number == BASE else f"iteration {number}"
