"""A line at the bottom that says what was done and offers to take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from lorasteer.web.parts.theme import words

SECONDS = 8.0
"""How long a toast stays when nobody points at it or has the focus in it."""


class Toast:
    """One line with a button; the next one of the same page takes its place.

    Args:
        text: What was done.
        undo: Takes it back; None shows no button.
        label: What the button says.
        seconds: How long it stays.
    """

    def __init__(
        self, text: str, undo: Callable[[], Awaitable[object] | object] | None = None, *, label: str = "Undo",
        seconds: float = SECONDS,
    ) -> None:  # fmt: skip
        client = ui.context.client
        for earlier in [one for one in client.layout.descendants() if "ls-toast" in one.classes]:
            earlier.delete()
        with client.layout, ui.element("div").classes("ls-toast").props("role=status aria-live=polite") as self._line:
            self.said: TextElement = words("span", text)
            if undo:
                ui.button(label, on_click=lambda: self._back(undo), color=None).props("flat dense")
            close = ui.button(icon="close", on_click=self.close, color=None).props(
                'flat round dense aria-label="Close this message"'
            )
            close.classes("ls-close")
            self._timer = ui.timer(seconds, self.close, once=True)
        for event in ("mouseenter", "focusin"):
            self._line.on(event, self._timer.cancel)

    def close(self) -> None:
        """Take the line away."""
        if not self._line.is_deleted:
            self._line.delete()

    async def _back(self, undo: Callable[[], Awaitable[object] | object]) -> None:
        self.close()
        done = undo()
        if isinstance(done, Awaitable):
            await done


def toast(text: str, undo: Callable[[], Awaitable[object] | object] | None = None, *, label: str = "Undo") -> Toast:
    """Say what was done, and offer to take it back.

    Args:
        text: What was done, in a few words.
        undo: Takes it back.
        label: What the button says.
    """
    return Toast(text, undo, label=label)
