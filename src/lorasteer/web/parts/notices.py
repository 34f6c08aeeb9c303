"""What a person must be told whatever they are doing: others decided, the work died, the head was moved and can be moved back."""

from __future__ import annotations

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.session.history import BASE
from lorasteer.web.parts.controls import button
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.news import Elsewhere, Moved, Overtaken
from lorasteer.web.parts.toast import Toast, toast
from lorasteer.web.views import Crash, SessionView


class Notices:
    """Banners above the page, and toasts at its foot.

    Args:
        desk: The page's place at the session.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk, self._at = desk, desk.view.head
        with ui.element("div").classes("wb-banners") as self._place:
            with ui.element("div").classes("ls-note ls-is-warn wb-banner").props("role=alert") as self._stale:
                self._stale_words = ui.label()
                look = button("Look", desk.caught_up, kind="main", title="Show the session as it is now; your draft stays")
            with ui.element("div").classes("ls-note ls-is-bad wb-banner").props("role=alert") as self._crash:
                self._crash_words = ui.label()
                again = button("Begin again", self._restart, kind="main", title="Start anew at the last complete iteration")
        look.mark("look")
        again.mark("restart")
        for one in (self._stale, self._crash):
            one.set_visibility(False)
        desk.on(Overtaken, self._overtaken)
        desk.on(Crash, self._crashed)
        desk.on(Elsewhere, self._elsewhere)
        desk.on(Moved, self._moved)
        desk.on(SessionView, self._view)
        self._toast: Toast | None = None

    def _view(self, view: SessionView) -> None:
        if view.allowed:
            self._crash.set_visibility(False)
        if self._toast and view.head != self._at:
            self._toast.close()
            self._toast = None

    def _overtaken(self, news: Overtaken) -> None:
        self._stale.set_visibility(news.stale is not None)
        if news.stale:
            deed = news.stale.latest
            self._stale_words.set_text(
                f"Not done: {deed.actor} did “{deed.action}” at {clock(deed.time)} meanwhile. Look, then decide again."
            )

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
        with self._place:
            toast(f"{deed.actor} did “{deed.action}” at {clock(deed.time)}" + (f": {deed.why}" if deed.why else "."))

    def _moved(self, news: Moved) -> None:
        now = self.desk.view.head
        with self._place:
            words = "Undone" if news.action == "undo" else "Moved"
            self._at = now
            back = f"Back to {_name(news.back)}"
            self._toast = toast(f"{words}: {_name(now)} is in force.", lambda: self.desk.go(news.back), label=back)


def clock(time: str) -> str:
    """Hours and minutes of a time of the log.

    Example:
        >>> clock("2026-11-25T03:04:05+00:00")
        '03:04 UTC'
    """
    return f"{time[11:16]} UTC" if len(time) >= 16 else time


def _name(number: int) -> str:
    return "the base" if number == BASE else f"iteration {number}"
