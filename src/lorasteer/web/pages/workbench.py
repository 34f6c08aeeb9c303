"""The workbench: ask on the left, watch in the middle, judge on the right, go back at the bottom."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nicegui import background_tasks, ui

from lorasteer.errors import LorasteerError
from lorasteer.web.house import House, Room
from lorasteer.web.parts.changed import changed
from lorasteer.web.parts.classes import class_bars
from lorasteer.web.parts.confidence import histogram
from lorasteer.web.parts.confusion import taken_for
from lorasteer.web.parts.controls import ask_browser, attributes, named
from lorasteer.web.parts.curves import CurvesPart
from lorasteer.web.parts.decisions import KEYS, WORDS, DecisionBar
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.dial import DialPart
from lorasteer.web.parts.direction import DirectionPart
from lorasteer.web.parts.frame import PAGE, Frame, frame
from lorasteer.web.parts.goal import GoalPart
from lorasteer.web.parts.headline import Headline
from lorasteer.web.parts.hints import Hints
from lorasteer.web.parts.intensity import IntensityPart
from lorasteer.web.parts.keys import Key, Keys
from lorasteer.web.parts.map import MapPart
from lorasteer.web.parts.markup import Markup
from lorasteer.web.parts.method import MethodPart
from lorasteer.web.parts.notices import Notices
from lorasteer.web.parts.numbers import NumbersPart
from lorasteer.web.parts.pictures import Pictures
from lorasteer.web.parts.shown import Shown
from lorasteer.web.parts.target import TargetPart
from lorasteer.web.parts.theme import words
from lorasteer.web.parts.tree import TreePart
from lorasteer.web.views import Findings, SessionView

OPENING = 60.0
"""Seconds that opening a session may take."""
PANES = {"ask": "Ask", "map": "Map", "numbers": "Numbers", "history": "History"}
"""On a narrow screen one of these is shown at a time."""
LIBRARY = {"Library": "/"}
DRAWINGS: dict[str, Callable[[Findings | None], Markup]] = {
    "Classes": lambda found: class_bars(found.classes if found else ()),
    "Confidence": lambda found: histogram(found.histogram if found else None),
    "Taken for": lambda found: taken_for(found.confusion if found else None),
    "Changed": lambda found: changed(found.examples if found else ()),
}
"""What is drawn of findings, one at a time."""


def register(house: House) -> None:
    """Register the page `/session/{run}`.

    Args:
        house: Where the sessions are.
    """

    @ui.page("/session/{run}", response_timeout=OPENING, **PAGE)
    async def workbench(run: str) -> None:
        try:
            room = await house.room(run)
        except LorasteerError as error:
            with frame("No such session", place=LIBRARY):
                words("p", str(error), "ls-note ls-is-bad").props("role=alert")
                ui.link("To the library", "/")
            return
        Bench(room)


class Bench:
    """One browser's page of a session: lays the parts out and lets them hear the room's news.

    Args:
        room: The session.
    """

    def __init__(self, room: Room) -> None:
        view = room.view
        with frame(view.name, place=LIBRARY, state=view.state, wide=True, on_help=lambda: self.keys.dialog.open()) as top:
            self.desk = Desk(room, lambda: top.actor)
            self._bar(top)
            self._notices = Notices(self.desk)
            self._hints = Hints(self.desk)
            self._tabs()
            with ui.element("div").classes("wb").props("data-pane=ask") as self._grid:
                self._columns(top)
            self.keys = Keys(self._shortcuts())
        self.desk.on(SessionView, lambda view: top.say_state(view.state))
        self.desk.plan_soon()
        news = background_tasks.create(self.desk.follow(), name=f"news of {room.id}")
        ui.context.client.on_delete(news.cancel)

    def _bar(self, top: Frame) -> None:
        view = self.desk.view
        with top.tools:
            words("span", f"{view.base.name} · {view.data.name}", "wb-about")
            for text, place in (("Compare", "compare"), ("Export", "export")):
                ui.link(text, f"/session/{view.id}/{place}").classes("wb-link wb-wide-only")

    def _tabs(self) -> None:
        self._panes = {}
        with named(ui.element("nav").classes("wb-panes"), "Parts of the page"):
            for name, text in PANES.items():
                self._panes[name] = ui.element("button").props("type=button").on("click", lambda name=name: self.show(name))
                with self._panes[name]:
                    ui.label(text)
        attributes(self._panes["ask"], **{"aria-current": "true"})

    def show(self, pane: str) -> None:
        """Show a part of the page where the screen is too narrow for all."""
        attributes(self._grid, **{"data-pane": pane})
        for name, one in self._panes.items():
            attributes(one, **{"aria-current": "true" if name == pane else None})
        ask_browser(self._grid, "() => requestAnimationFrame(() => window.dispatchEvent(new Event('resize')))")

    def _columns(self, top: Frame) -> None:
        pictures = Pictures(self.desk.room)
        with ui.element("div").classes("wb-left"):
            with named(ui.element("section").classes("wb-ask"), "Ask"):
                self.target = TargetPart(self.desk)
                self.intensity = IntensityPart(self.desk)
                self.direction = DirectionPart(self.desk, pictures)
                self.method = MethodPart(self.desk)
                self.goal = GoalPart(self.desk)
            self.decisions = DecisionBar(
                self.desk, {"dial": self._to_dial, "commit": self._keep, "goal": self._to_goal, "go": self._to_tree}
            )
        with named(ui.element("section").classes("wb-middle"), "Map"):
            self.map = MapPart(
                self.desk, pictures, top.look, marks=self.direction.take_selected, forget=self.target.take_selected
            )  # fmt: skip
        with named(ui.element("section").classes("wb-right"), "Numbers"):
            self._numbers()
        with named(ui.element("section").classes("wb-bottom"), "History"):
            self.tree = TreePart(self.desk)

    def _numbers(self) -> None:
        self.headline = Headline(self.desk)
        self.dial = DialPart(self.desk)
        self.numbers = NumbersPart(self.desk)
        with ui.tabs().props("dense no-caps inline-label align=left").classes("wb-tabs") as tabs:
            shown = {name: ui.tab(name) for name in (*DRAWINGS, "Course")}
        with ui.tab_panels(tabs, value=shown["Classes"], animated=False, keep_alive=True).classes("wb-tab-panels"):
            for name, draw in DRAWINGS.items():
                with ui.tab_panel(shown[name]):
                    Shown(self.desk, draw)
            with ui.tab_panel(shown["Course"]):
                CurvesPart(self.desk)

    # Keys --------------------------------------------------------------------------------------------------------------------

    def _shortcuts(self) -> dict[str, Key]:
        decide = {key: Key(WORDS[action].lower(), partial(self.decisions.do, action)) for action, key in KEYS.items()}
        return {
            **decide,
            "t": Key("take what is selected on the map as the target, else go to the target", self._to_target),
            "m": Key("go to the map", self._to_map),
            "Escape": Key("back to the head: dial, comparison, selection", self._home),
            "?": Key("this help", lambda: self.keys.dialog.open()),
        }

    def _to_dial(self) -> None:
        self.show("numbers")
        self.dial.focus()

    async def _keep(self) -> None:
        await self.dial.keep()

    def _to_goal(self) -> None:
        self.show("ask")
        self.goal.open()

    def _to_tree(self) -> None:
        self.show("history")
        self.tree.focus()

    def _to_target(self) -> None:
        self.show("ask")
        if self.desk.selected.ids:
            self.target.take_selected()
        else:
            self.target.focus()

    def _to_map(self) -> None:
        self.show("map")
        self.map.focus()

    def _home(self) -> None:
        self.dial.back()
        self.map.clear()
