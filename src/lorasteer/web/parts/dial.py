"""The strength dial: the head at another strength, without training. The numbers follow the thumb."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import background_tasks, events, ui

from lorasteer.errors import LorasteerError
from lorasteer.session.states import MEANINGS
from lorasteer.session.steps import Commit
from lorasteer.web.parts.controls import ask_browser, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.news import Busy, Problem
from lorasteer.web.views import SessionView

MOST, STEP = 1.5, 0.05
_HAIR = 1e-9


class DialPart:
    """The dial with a button that keeps what it shows. Whatever else is done puts it back to the head."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._wanted: float | None = None
        self._asking = False
        self._setting = False
        with named(ui.element("div").classes("wb-dial").props("role=group"), "Strength of the change"):
            ui.label("Strength").classes("wb-subtitle")
            self._value = ui.label().classes("wb-dial-value")
            self._slider = ui.slider(min=0, max=MOST, step=STEP, value=1.0, on_change=self._moved).classes("wb-slider")
            named(self._slider, "Strength of the change, 0 leaves the base, 1 is as trained")
            self._keep = button("Keep", self.keep, kind="plain", title=MEANINGS["commit"][0].upper() + MEANINGS["commit"][1:])
        desk.on(SessionView, lambda _: self._home())
        desk.on(Busy, lambda _: self._enable())
        self._home()

    @property
    def strength(self) -> float:
        """The strength of the head's change."""
        node = self.desk.head_node
        return node.strength if node else 1.0

    def focus(self) -> None:
        """Put the focus on the thumb."""
        ask_browser(self._slider, "(e) => (e.querySelector('[tabindex]') ?? e).focus()")

    def _home(self) -> None:
        self._wanted = None
        self._set(self.strength)
        self._enable()

    def _set(self, value: float) -> None:
        self._setting = True
        self._slider.set_value(value)
        self._value.set_text(f"{value:.2f}")
        self._setting = False

    def _enable(self) -> None:
        free = not self.desk.busy
        self._slider.set_enabled("dial" in self.desk.view.allowed)
        self._keep.set_enabled(free and "commit" in self.desk.view.allowed and self._away)

    @property
    def _away(self) -> bool:
        return abs(float(self._slider.value or 0) - self.strength) > _HAIR

    def _moved(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if self._setting:
            return
        self._wanted = float(event.value or 0)
        self._value.set_text(f"{self._wanted:.2f}")
        self._enable()
        if not self._asking:
            background_tasks.create(self._follow(), name="dial")

    async def _follow(self) -> None:
        """Ask for the newest strength, again and again, until none waits: one question is on its way at a time."""
        self._asking = True
        try:
            while self._wanted is not None:
                strength, self._wanted = self._wanted, None
                await self._ask(strength)
        finally:
            self._asking = False

    async def _ask(self, strength: float) -> None:
        if abs(strength - self.strength) <= _HAIR:
            self.desk.look(None)
            return
        version = self.desk.view.version
        try:
            found = await self.desk.room.dial(strength)
        except LorasteerError as error:
            self.desk.tell(Problem("decision", str(error)))
            return
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            return  # a newer question, from another browser, took its place
        if version == self.desk.view.version and self._away:
            self.desk.look(found, f"Looking at strength {strength:.2f}; the head is at {self.strength:.2f}")

    def back(self) -> None:
        """Put the dial back to the head."""
        self._home()
        self.desk.look(None)

    async def keep(self) -> None:
        """Keep the head at the strength that is shown, as an iteration."""
        if self._away:
            await self.desk.act(Commit(action="commit", strength=round(float(self._slider.value or 0), 4)))
        else:
            self.desk.tell(
                Problem("decision", f"the head is at strength {self.strength:g} already; turn the dial first, then keep.")
            )
