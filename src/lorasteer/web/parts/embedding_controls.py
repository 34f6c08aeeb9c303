"""What lies around the map: tools for those without a mouse, a legend of real buttons, and a line that says what is selected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from nicegui import ui

from lorasteer.web.parts.embedding_colors import FAR, STILL, look
from lorasteer.web.parts.embedding_figure import Scene
from lorasteer.web.parts.embedding_points import MOVED, Group

TOOLS = {"lasso": "Lasso", "select": "Box", "pan": "Pan"}
"""What dragging can do, and what the buttons call it."""

TOGGLE = "dense no-caps unelevated padding='xs sm' toggle-color=blue-10 toggle-text-color=white"
"""White on dark blue is readable on any page; the rest takes the page's own text colour."""

NEIGHBOURS = 10
"""So many neighbours of each selected point one press of "Grow" adds."""


@dataclass(frozen=True)
class Orders:
    """What the controls ask of the map.

    Attributes:
        drag: Change what dragging does.
        grow: Add this many neighbours of each selected point.
        clear: Select nothing.
        fit: Show the whole map.
        toggle: Show or hide the group with this key.
    """

    drag: Callable[[str], None]
    grow: Callable[[int], None]
    clear: Callable[[], None]
    fit: Callable[[], None]
    toggle: Callable[[int], None]


def tools(orders: Orders, drag: str) -> None:
    """The row of tools above a map."""
    with ui.row().classes("items-center gap-2 w-full").props('role=toolbar aria-label="Map tools"'):
        ui.toggle(TOOLS, value=drag, on_change=lambda event: orders.drag(event.value)).props(TOGGLE)
        for text, order in (("Grow", lambda: orders.grow(NEIGHBOURS)), ("Clear", orders.clear), ("Show all", orders.fit)):
            ui.button(text, on_click=order, color=None).props("flat dense no-caps")


class Entry(NamedTuple):
    """One group in the legend: the button, its symbol, its words."""

    button: ui.button
    mark: ui.label
    words: ui.label


class Legend:
    """Names, counts and colours of the groups; a press hides or shows one. It is text of the page, so names are never markup.

    Buttons stay the same while their groups do, or a press on the keyboard would lose its place.

    Args:
        orders: Who is told of a press.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._built: object = None
        self._entries: list[Entry] = []
        self._end: ui.label | None = None
        self._box = ui.row().classes("gap-1 w-full").style("max-height: 9rem; overflow-y: auto")
        self._box.props('role=group aria-label="Groups on the map"')

    def show(self, scene: Scene) -> None:
        """Draw the legend of a scene; what stays as it was is not sent."""
        wanted = (scene.color_by, scene.dark, [(group.key, group.name) for group in scene.groups])
        if wanted != self._built:
            self._build(scene)
            self._built = wanted
        if self._end is not None:
            self._end.set_text(f"{scene.furthest:.2f}")
        for entry, group in zip(self._entries, scene.groups, strict=False):
            _update(entry, scene, group)

    def _build(self, scene: Scene) -> None:
        self._box.clear()
        self._entries, self._end = [], None
        with self._box:
            if scene.color_by == MOVED:
                self._end = _scale(scene)
            else:
                self._entries = [self._entry(group.key) for group in scene.groups]

    def _entry(self, key: int) -> Entry:
        with ui.button(on_click=lambda: self._orders.toggle(key), color=None).props("flat dense no-caps") as button:
            mark = ui.label().classes("q-mr-xs").props("aria-hidden=true")
            return Entry(button, mark, ui.label())


def _update(entry: Entry, scene: Scene, group: Group) -> None:
    """Count, and whether the group is shown."""
    shown = group.key not in scene.hidden
    seen = look(scene.color_by, group.key, dark=scene.dark)
    entry.words.set_text(f"{group.name} ({len(group.members):,})")
    entry.mark.set_text(seen.letter if shown else "○")
    entry.mark.style(f"color: {seen.color}")
    entry.words.style(f"text-decoration: {'none' if shown else 'line-through'}")
    entry.button.props["aria-pressed"] = str(shown).lower()


def _scale(scene: Scene) -> ui.label:
    """Two ends of the scale of movement and what lies between; returns the words of the far end."""
    with ui.row().classes("items-center gap-2"):
        ui.label("moved 0.00")
        ends = f"{STILL[scene.dark]}, {FAR[scene.dark]}"
        ui.element("div").style(f"width: 8rem; height: .75rem; background: linear-gradient(to right, {ends})")
        return ui.label()
