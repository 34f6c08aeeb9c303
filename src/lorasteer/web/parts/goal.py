"""What to reach instead of how: a goal in numbers, for which plans are tried one after the other."""

from __future__ import annotations

from nicegui import ui

from lorasteer.session.goal import Goal
from lorasteer.session.states import MEANINGS
from lorasteer.web.parts.controls import Panel, ask_browser, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import drawn, joined, show, tag
from lorasteer.web.parts.news import Busy, Problem
from lorasteer.web.views import SessionView


class GoalPart:
    """The panel with a goal; each try becomes an iteration in the tree."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with Panel("Goal", opened=False) as self.panel:
            ui.label("Say what to reach; plans are tried for the target above, each as an iteration.").classes("wb-quiet-text")
            with ui.element("div").classes("wb-fields"):
                self._forget = _number("still recognised at most", 1.0, "%")
                self._retain = _number("retained lose at most", 0.5, "points")
                self._seconds = _number("time", 60, "s")
                self._tries = _number("tries", 8, "")
            self._search = button("Search for a plan", self.search, kind="plain", title=MEANINGS["goal"])
            self._found = drawn().classes("wb-because").props("role=status aria-live=polite")
        self.panel.say("off")
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Busy, lambda _: self._enable())
        self._draw()

    def _draw(self) -> None:
        found = self.desk.view.found
        show(self._found, tag("ul", *(tag("li", words) for words in found)) if found else joined(()))
        if found and self.desk.view.state == "reviewing":
            self.panel.say("searched")
        self._enable()

    def _enable(self) -> None:
        self._search.set_enabled("goal" in self.desk.view.allowed and not self.desk.busy)

    def open(self) -> None:
        """Unfold the panel and put the focus into it."""
        ask_browser(self.panel.box, "(e) => { e.open = true; e.querySelector('input').focus(); }")

    async def search(self) -> None:
        """Search for a plan that reaches the goal, for the target of the draft."""
        if not self.desk.draft.complete:
            self.desk.tell(Problem("decision", "no target is named; choose what to forget first."))
            return
        goal = Goal(forget_at_most=_share(self._forget), retain_loss_at_most=_share(self._retain))
        self.panel.say("searching" if await self.desk.seek(goal, seconds=_of(self._seconds, 60), tries=self._count()) else "off")

    def _count(self) -> int:
        return max(1, int(_of(self._tries, 8)))


def _number(name: str, value: float, unit: str) -> ui.number:
    with ui.element("div").classes("wb-field"):
        ui.label(name).classes("wb-field-name")
        made = ui.number(value=value, min=0, suffix=unit).props("dense outlined hide-bottom-space step=any")
        return named(made.classes("wb-field-control"), name)


def _of(control: ui.number, default: float) -> float:
    return default if control.value is None else float(control.value)


def _share(control: ui.number) -> float:
    return min(1.0, max(0.0, _of(control, 0.0) / 100))
