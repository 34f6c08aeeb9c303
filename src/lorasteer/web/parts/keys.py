"""Keys for every action, and the dialog that names them. Single keys can be switched off, as those who dictate need."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nicegui import events, ui

from lorasteer.web.parts.controls import button
from lorasteer.web.parts.frame import remember
from lorasteer.web.parts.markup import drawn, joined, show, tag

COOKIE = "lorasteer-keys"


class Key(NamedTuple):
    """A key.

    Attributes:
        does: What it does, in a few words.
        press: What is called.
    """

    does: str
    press: Callable[[], Any]


class Keys:
    """Listens to single keys while nobody types and no dialog is open.

    Args:
        keys: By the name that the browser gives them.
    """

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys
        self._on = ui.context.client.request.cookies.get(COOKIE) != "off"
        with ui.dialog() as self.dialog, ui.card().classes("wb-dialog"):
            ui.label("Help and keys").classes("wb-title").props("role=heading aria-level=2")
            self._text()
            self._switch = ui.switch("Single keys", value=self._on, on_change=self._switched).props("dense")
            button("Close", self.dialog.close, kind="plain")
        self._keyboard = ui.keyboard(self._pressed, repeating=False, ignore=["input", "select", "textarea"])

    def _text(self) -> None:
        steps = (
            "Say what to forget, how strongly, and along which meaning. The plan below the intensity is what will be done.",
            "Watch the map and the numbers. Forgetting well means: as a model that never saw the target, no less and no more.",
            "Continue, adjust, undo, or go to any iteration. Nothing is removed, so everything can be taken back.",
        )
        rows = [tag("tr", tag("td", tag("kbd", _shown(key))), tag("td", one.does)) for key, one in self._keys.items()]
        rows.append(
            tag(
                "tr",
                tag("td", tag("kbd", "← → ↑ ↓")),
                tag("td", "move in the history, when it has the focus; Enter goes there, m marks"),
            )
        )
        show(
            drawn().classes("wb-help"),
            joined([tag("ol", *(tag("li", step) for step in steps)), tag("table", tag("tbody", *rows))]),
        )

    def _switched(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self._on = bool(event.value)
        remember(COOKIE, "on" if self._on else "off")

    async def _pressed(self, event: events.KeyEventArguments) -> None:
        held = event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta
        if event.action.keydown and not held:
            await self.press(event.key.name)

    async def press(self, name: str) -> None:
        """Do what a key does; nothing where there is none, or while a dialog is open."""
        key = self._keys.get(name)
        if key is None or self.dialog.value or not (self._on or name in ("Escape", "?")):
            return
        result = key.press()
        if inspect.isawaitable(result):
            await result


def _shown(key: str) -> str:
    return {"Escape": "Esc"}.get(key, key)
