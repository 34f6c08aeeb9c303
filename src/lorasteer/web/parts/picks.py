"""A row of buttons to pick one or several things from; each says to screen readers whether it is picked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import ui

from lorasteer.web.parts.theme import named, words

NOTHING = ""
"""Value of the button that stands for picking nothing."""


class Picks:
    """Buttons to pick from.

    Args:
        label: What is picked, for screen readers.
        options: Value to words; words may come from data.
        picked: What is picked at first.
        many: Whether several may be; otherwise exactly one is.
        none: Words of a button that stands for picking nothing; empty for none.
        on_change: Called after each pick.
    """

    def __init__(
        self, label: str, options: Mapping[str, str], *, picked: tuple[str, ...] = (), many: bool = False,
        none: str = "", on_change: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self.picked = picked
        """What is picked, in the order of the options."""
        self._many, self._on_change = many, on_change
        self._buttons: dict[str, ui.element] = {}
        with named(ui.element("div").classes("ls-row ls-wrap").props("role=group"), label):
            for value, text in {**({NOTHING: none} if none else {}), **options}.items():
                button = words("button", text, "ls-pick").props("type=button")
                button.on("click", lambda value=value: self._press(value))
                self._buttons[value] = button
        self._show()

    def pick(self, *values: str) -> None:
        """Pick these and nothing else, without a call of `on_change`."""
        self.picked = tuple(value for value in self._buttons if value in values and value != NOTHING)
        self._show()

    def _press(self, value: str) -> object:
        if not self._many or value == NOTHING:
            self.pick(value)
        elif value in self.picked:
            self.pick(*(one for one in self.picked if one != value))
        else:
            self.pick(*self.picked, value)
        return self._on_change()  # NiceGUI waits for it when it is a coroutine

    def _show(self) -> None:
        for value, button in self._buttons.items():
            pressed = value in self.picked if value != NOTHING else not self.picked
            button.props(f"aria-pressed={'true' if pressed else 'false'}")
