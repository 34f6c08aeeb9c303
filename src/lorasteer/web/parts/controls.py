"""Small pieces that all parts of the page are made of: panels, lines that report problems, accessible names."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from nicegui import ui

E = TypeVar("E", bound=ui.element)


def named(element: E, name: str, *, title: str = "") -> E:
    """Give an element the name that a screen reader says, and words that show when the mouse rests on it.

    Both are set as attributes, so texts of others stay texts.
    """
    return attributes(element, **{"aria-label": name or None, "title": title or None})


def attributes(element: E, **values: object) -> E:
    """Set attributes of an element; None removes one. Nothing is sent where they stay the same."""
    wanted = {name: value for name, value in values.items() if value is not None}
    if any(element.props.get(name) != value for name, value in values.items()):
        for name in values:
            element.props.pop(name, None)
        element.props.update(wanted)
        element.update()
    return element


def ask_browser(element: ui.element, function: str) -> None:
    """Call a function of JavaScript with an element, without waiting for it; also from a task of the background.

    Args:
        element: What the function is called with, once it is on the page.
        function: Our own code, never a text of others.
    """
    element.client.run_javascript(f"((e) => e && ({function})(e))(getHtmlElement({element.id}))")


def pressed(button: ui.button, state: bool) -> None:
    """Say of a button that stays down whether it is."""
    attributes(button, **{"aria-pressed": "true" if state else "false"})


def button(text: str, on_click: Callable[..., Any], *, kind: str = "quiet", title: str = "") -> ui.button:
    """A button in one of three looks.

    Args:
        text: What it says.
        on_click: What it does.
        kind: `main`, `plain` or `quiet`.
        title: What it means, in a sentence.
    """
    made = ui.button(text, on_click=on_click, color=None).props("no-caps unelevated dense").classes(f"wb-button wb-{kind}")
    return named(made, "", title=title)


class Panel:
    """A part of a column under a title, folded by the browser alone; the title tells what is set inside.

    Args:
        title: What it is about.
        opened: Whether it is unfolded at first.
        mark: Name by which style and keys find it.
    """

    def __init__(self, title: str, *, opened: bool = True, mark: str = "") -> None:
        self.box = ui.element("details").classes(f"wb-panel wb-{mark or title.lower()}")
        if opened:
            self.box.props("open")
        with self.box:
            with ui.element("summary"):
                ui.label(title).classes("wb-title").props("role=heading aria-level=2")
                self._now = ui.label().classes("wb-now")
            self.body = ui.element("div").classes("wb-body")

    def say(self, text: str) -> None:
        """What is set inside, in a few words; seen while it is folded too."""
        self._now.set_text(text)

    def __enter__(self) -> Panel:
        self.body.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.body.__exit__(kind, error, trace)


class Complaint:
    """One line near a control that says what is wrong; empty and without height when nothing is."""

    def __init__(self) -> None:
        self._line = ui.label().classes("wb-problem").props("role=alert")
        self._line.set_visibility(False)

    @property
    def text(self) -> str:
        """What it says."""
        return str(self._line.text)

    def say(self, text: str) -> None:
        """Show a problem, or take it away with an empty text."""
        self._line.set_text(text)
        self._line.set_visibility(bool(text))
