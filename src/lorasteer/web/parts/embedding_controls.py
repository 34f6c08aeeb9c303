"""What lies around the map: tools for those without a mouse, a legend of real buttons, and a line that says what is selected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


class Legend:
    """Names, counts and colours of the groups; a press hides or shows one. It is text of the page, so names are never markup.

    Args:
        orders: Who is told of a press.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._shown: object = None
        self._box = ui.row().classes("gap-1 w-full").style("max-height: 9rem; overflow-y: auto")
        self._box.props('role=group aria-label="Groups on the map"')

    def show(self, scene: Scene) -> None:
        """Draw the legend of a scene; nothing is sent when it stays as it was."""
        keys = [(group.key, group.name, len(group.members), group.key in scene.hidden) for group in scene.groups]
        wanted = (scene.color_by, scene.dark, keys, round(scene.furthest, 2) if scene.color_by == MOVED else 0)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._box.clear()
        with self._box:
            if scene.color_by == MOVED:
                _scale(scene)
                return
            for group in scene.groups:
                self._entry(scene, group)

    def _entry(self, scene: Scene, group: Group) -> None:
        shown = group.key not in scene.hidden
        seen = look(scene.color_by, group.key, dark=scene.dark)
        button = ui.button(on_click=lambda: self._orders.toggle(group.key), color=None).props("flat dense no-caps")
        button.props(f"aria-pressed={str(shown).lower()}")
        with button:
            ui.label(seen.letter if shown else "○").style(f"color: {seen.color}").classes("q-mr-xs").props("aria-hidden=true")
            ui.label(f"{group.name} ({len(group.members):,})").style("" if shown else "text-decoration: line-through")


def _scale(scene: Scene) -> None:
    """Two ends of the scale of movement and what lies between."""
    with ui.row().classes("items-center gap-2"):
        ui.label("moved 0.00")
        ends = f"{STILL[scene.dark]}, {FAR[scene.dark]}"
        ui.element("div").style(f"width: 8rem; height: .75rem; background: linear-gradient(to right, {ends})")
        ui.label(f"{scene.furthest:.2f}")
