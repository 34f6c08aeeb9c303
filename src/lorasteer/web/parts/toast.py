"""A line at the bottom that says what was done and offers to take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import Client, ui

from lorasteer.web.parts.theme import named, words

SECONDS = 8.0
"""How long a toast stays when nobody points at it or has the focus in it."""


Undo = Callable[[], Awaitable[object] | object]
"""Takes back what was done."""


class Toast:
    """One line with a button; the next one of the same page takes its place.

    Args:
        text: What was done.
        undo: Takes it back; None shows no button.
        label: What the button says.
        client: The page; the one that is at work when left out. A handler whose own button is gone by now has to say it.
    """

    def __init__(self, text: str, undo: Undo | None = None, *, label: str = "Undo", client: Client | None = None) -> None:
        client = client or ui.context.client
        for earlier in [one for one in client.layout.descendants() if "ls-toast" in one.classes]:
            earlier.delete()
        with client.layout, ui.element("div").classes("ls-toast").props("role=status aria-live=polite") as self._line:
            words("span", text)
            if undo:
                ui.button(label, on_click=lambda: self._back(undo), color=None).props("flat dense")
            close = ui.button(icon="close", on_click=self.close, color=None).props("flat round dense")
            named(close, "Close this message")
            timer = ui.timer(SECONDS, self.close, once=True)
        for event in ("mouseenter", "focusin"):
            self._line.on(event, timer.cancel)

    def close(self) -> None:
        """Take the line away."""
        if not self._line.is_deleted:
            self._line.delete()

    async def _back(self, undo: Undo) -> None:
        done = undo()
        if isinstance(done, Awaitable):
            await done
        self.close()


def toast(text: str, undo: Undo | None = None, *, label: str = "Undo", client: Client | None = None) -> Toast:
    """Say what was done, and offer to take it back.

    Args:
        text: What was done, in a few words.
        undo: Takes it back.
        label: What the button says.
        client: The page; the one that is at work when left out.
    """
    return Toast(text, undo, label=label, client=client)
