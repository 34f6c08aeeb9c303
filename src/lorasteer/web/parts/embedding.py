"""The map on a page: points that move as a model forgets, and that a person selects to say what else it shall forget.

`EmbeddingView` is all that a page needs. Whatever changes makes a new `Scene`; a `Stream` gives its drawing to the browser, the
newest first and none that came too late. One view belongs to one page of one browser.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from nicegui import events, ui
from numpy.typing import ArrayLike

from lorasteer.errors import RequestError
from lorasteer.web.parts.embedding_browser import POINTED, PRESSED, ZOOMED, hovering, ready, resized, selected, selecting
from lorasteer.web.parts.embedding_camera import Camera
from lorasteer.web.parts.embedding_controls import Legend, Orders, tools
from lorasteer.web.parts.embedding_figure import CONFIG, Scene, empty_figure, figure_of, layout_of, places_of
from lorasteer.web.parts.embedding_points import Indices, Points, checked_positions, groups_of
from lorasteer.web.parts.embedding_selection import NOTHING, checked_indices, from_mask, grown, summary
from lorasteer.web.parts.embedding_stream import Drawn, Frame, Stream

PATIENCE = 30.0
"""Seconds to wait for a browser's word before it is sent the map anew; as long as a page is kept whose line is broken."""

STILL = 1.5
"""Seconds that the map stands still after a stroke of a lasso, so that a person selects what they see."""


class EmbeddingView:
    """A map of points, drawn by WebGL, fed with frames, answering with selections.

    Build it within a page, as any element. Call it on the event loop, as any element.

    Args:
        points: What is known of each point.
        color_by: `class`, `part`, `changed` or `moved`.
        dark: Whether the page is dark.
        name: What a screen reader calls it.

    Attributes:
        selection: Indices of the selected points, ascending.
    """

    def __init__(self, points: Points, *, color_by: str = "class", dark: bool = False, name: str = "Map of examples") -> None:
        groups_of(points, color_by)
        nowhere = np.zeros((len(points), 2), np.float32)
        self._scene = Scene(points, nowhere, nowhere, color_by=color_by, dark=dark)
        self._camera = Camera()
        self._ready = False
        self._on_select: list[Callable[[Indices], Any]] = []
        self._on_hover: list[Callable[[int | None], Any]] = []
        self._on_click: list[Callable[[int], Any]] = []
        self._stream = Stream(self._draw)
        self._build(name)
        self._attach()

    def _build(self, name: str) -> None:
        orders = Orders(self._drag, self.grow, self.clear, self.fit, self._toggle)
        with ui.column().classes("w-full gap-2"):
            tools(orders, self._scene.drag)
            keys = "Arrow keys move, plus and minus zoom, 0 shows all, Escape clears the selection."
            with ui.element("div").classes("w-full").style("height: 28rem; touch-action: none") as frame:
                frame.props("tabindex=0 role=application")
                frame.props["aria-label"] = f"{name}. {keys}"
                frame.on("keydown", self._pressed, js_handler=PRESSED)
                self.plot = ui.plotly(empty_figure(self._scene)).classes("w-full h-full")
            self._legend = Legend(orders)
            self._status = ui.label(self.summary).props("role=status aria-live=polite")
        self._legend.show(self._scene)
        self._listen()

    def _listen(self) -> None:
        drawing = selecting(self.plot.html_id)
        self.plot.on("plotly_selecting", lambda: self._stream.hold(STILL), js_handler=drawing, throttle=STILL / 3)
        self.plot.on("plotly_selected", self._lassoed, js_handler=selected(self.plot.html_id))
        self.plot.on("plotly_deselect", self.clear, js_handler="() => emit()")
        self.plot.on("plotly_hover", self._hovered, js_handler=hovering(self.plot.html_id, over=True))
        self.plot.on("plotly_unhover", self._hovered, js_handler=hovering(self.plot.html_id, over=False))
        self.plot.on("plotly_click", self._clicked, js_handler=POINTED)
        self.plot.on("plotly_autosize", self._stream.redraw, js_handler=resized(self.plot.html_id))
        self.plot.on("plotly_relayout", self._zoomed, js_handler=ZOOMED)

    def _attach(self) -> None:
        client = self.plot.client
        client.on_connect(self._stream.connect)
        client.on_disconnect(self._stream.disconnect)
        client.on_delete(self._stream.close)
        if client.has_socket_connection:
            self._stream.connect()

    def close(self) -> None:
        """Send nothing more; for a view that leaves a page which stays."""
        self._stream.close()

    def set_positions(self, positions: ArrayLike, seq: int, *, after: Indices | None = None) -> None:
        """Show a new frame as soon as the browser can; a frame older than the newest is ignored.

        Args:
            positions: n pairs of finite numbers; kept as float32.
            seq: Number of the frame, counted up.
            after: What the model takes each point for at this moment; left out, it stays as it was.

        Raises:
            DataError: Another count than the points have, or a number that is not finite.
        """
        newest, now = self._stream.newest, time.perf_counter()
        places = checked_positions(positions, len(self._scene.points))
        if newest is not None and seq < newest.seq:
            return
        start = places if newest is None else self._scene.start
        changed = replace(self._scene, positions=places, start=start)
        if after is not None:
            changed = replace(changed, points=replace(changed.points, after=after))
        redraw = self._camera.follow(places) or (after is not None and changed.color_by == "changed")
        self._scene = replace(changed, box=self._camera.box)
        self._legend.show(self._scene)
        if redraw:
            self._stream.redraw()
        self._stream.put(Frame(places, seq, now))

    def set_state(self, points: Points | None = None, *, color_by: str | None = None, dark: bool | None = None) -> None:
        """Show other facts of the points, another colouring, or another background; what is left out stays.

        Args:
            points: What is known now. Of another count: positions and selection are forgotten, and new positions must follow.
            color_by: The colouring.
            dark: Whether the page is dark.

        Raises:
            RequestError: The colouring does not exist, or needs predictions that are not there.
        """
        scene = self._scene
        points = scene.points if points is None else points
        dark = scene.dark if dark is None else dark
        changed = replace(scene, points=points, color_by=color_by or scene.color_by, dark=dark)
        groups_of(changed.points, changed.color_by)
        if changed.color_by != scene.color_by:
            changed = replace(changed, hidden=frozenset())
        if len(changed.points) != len(scene.points):
            nowhere = np.zeros((len(changed.points), 2), np.float32)
            changed = replace(changed, positions=nowhere, start=nowhere, hidden=frozenset())
            self._camera.forget()
            self._stream.forget()
            self.plot.run_plot_method("react", [], layout_of(changed), CONFIG)
        self._change(changed)
        if len(changed.points) != len(scene.points):
            self._choose(NOTHING)
        self._say()

    def set_start(self, positions: ArrayLike) -> None:
        """Measure movement from these places; from the first frame when this is never called."""
        self._change(replace(self._scene, start=checked_positions(positions, len(self._scene.points))))

    def fit(self) -> None:
        """Show the whole map as it is now."""
        self._camera.fit(self._scene.positions)
        self._change(replace(self._scene, box=self._camera.box))

    @property
    def selection(self) -> Indices:
        """Indices of the selected points, ascending."""
        return self._scene.selection

    @property
    def summary(self) -> str:
        """What is selected, in words."""
        return summary(self._scene.points, self._scene.selection)

    def select(self, indices: Sequence[int] | Indices) -> None:
        """Select these points and no others.

        Raises:
            RequestError: An index is not that of a point.
        """
        self._choose(checked_indices(indices, len(self._scene.points)))

    def grow(self, k: int) -> None:
        """Select also the k nearest neighbours of each selected point on the map.

        Raises:
            RequestError: k is below 1.
        """
        self._choose(grown(self._scene.selection, self._scene.positions, k))

    def clear(self) -> None:
        """Select nothing."""
        self._choose(NOTHING)

    def on_select(self, callback: Callable[[Indices], Any]) -> None:
        """Call this with the indices whenever the selection has changed, whoever changed it."""
        self._on_select.append(callback)

    def on_hover(self, callback: Callable[[int | None], Any]) -> None:
        """Call this with the index of the point under the mouse, None when it has left; at most 20 times a second."""
        self._on_hover.append(callback)

    def on_click(self, callback: Callable[[int], Any]) -> None:
        """Call this with the index of a point that was clicked."""
        self._on_click.append(callback)

    @property
    def drawn_seq(self) -> int:
        """Number of the newest frame that the browser has drawn; -1 before the first."""
        return self._stream.drawn_seq

    @property
    def dropped(self) -> int:
        """Frames that were never sent because a newer one came."""
        return self._stream.dropped

    @property
    def timings(self) -> deque[Drawn]:
        """For each drawn frame the milliseconds from `set_positions` to the browser's word; the last few thousand."""
        return self._stream.timings

    async def _draw(self, frame: Frame, whole: bool) -> None:
        if self.plot.is_deleted:
            self.close()
            return
        if not self._ready:
            self._ready = bool(await self.plot.client.run_javascript(ready(self.plot.html_id), timeout=PATIENCE))
            if not self._ready:
                raise TimeoutError
        scene = self._scene
        if whole:
            figure = figure_of(scene)
            await self.plot.run_plot_method("react", figure["data"], figure["layout"], CONFIG, timeout=PATIENCE)
        else:
            await self.plot.run_plot_method("restyle", *places_of(scene), timeout=PATIENCE)

    def _lassoed(self, event: events.GenericEventArguments) -> None:
        self._stream.hold(0)
        mask, add = event.args
        try:
            found = from_mask(mask, len(self._scene.points))
        except RequestError as error:  # a drawing of points that are no longer there
            self._status.set_text(str(error))
            return
        self._choose(np.union1d(self._scene.selection, found) if add else found)

    def _hovered(self, event: events.GenericEventArguments) -> None:
        for callback in self._on_hover:
            callback(_index(event.args, len(self._scene.points)))

    def _clicked(self, event: events.GenericEventArguments) -> None:
        index = _index(event.args, len(self._scene.points))
        if index is not None:
            for callback in self._on_click:
                callback(index)

    def _zoomed(self, event: events.GenericEventArguments) -> None:
        self._camera.went(event.args)
        self._scene = replace(self._scene, box=self._camera.box)

    def _pressed(self, event: events.GenericEventArguments) -> None:
        if event.args == "0":
            self.fit()
        elif event.args == "Escape":
            self.clear()
        else:
            self._camera.press(event.args)
            self._change(replace(self._scene, box=self._camera.box))

    def _drag(self, drag: str) -> None:
        self._change(replace(self._scene, drag=drag))

    def _toggle(self, key: int) -> None:
        self._change(replace(self._scene, hidden=self._scene.hidden ^ {key}))

    def _choose(self, selection: Indices) -> None:
        """Select; the drawing is asked for even when nothing changed, because it removes the lasso's own outline."""
        same = np.array_equal(selection, self._scene.selection)
        self._change(replace(self._scene, selection=selection))
        if same:
            return
        self._say()
        for callback in self._on_select:
            callback(selection)

    def _change(self, scene: Scene) -> None:
        self._scene = replace(scene, turn=self._scene.turn + 1)
        self._legend.show(scene)
        self._stream.redraw()

    def _say(self) -> None:
        self._status.set_text(self.summary)


def _index(value: object, count: int) -> int | None:
    """What a browser says a point is, if it is one."""
    return value if isinstance(value, int) and 0 <= value < count else None
