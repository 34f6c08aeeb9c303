"""The live map with what belongs around it: colours, whether it can be believed, the example under the mouse, and the replay."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from nicegui import background_tasks, events, ui
from numpy.typing import NDArray

from lorasteer.errors import LorasteerError
from lorasteer.session.history import BASE
from lorasteer.web.parts.controls import ask_browser, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.embedding import EmbeddingView
from lorasteer.web.parts.embedding_points import FORGET, RETAIN, Points
from lorasteer.web.parts.hovercard import HoverCard
from lorasteer.web.parts.markup import drawn, joined, show, tag
from lorasteer.web.parts.pictures import Pictures
from lorasteer.web.parts.theme import Look
from lorasteer.web.views import MapFrame, MapPoints, SessionView

COLOURS = {"class": "class", "part": "forget or retain", "changed": "changed answers", "moved": "distance moved"}
CHIPS = {
    "picture": ("first picture", ""), "settling": ("settling", "busy"),
    "settled": ("settled", "good"), "differs": ("differs", "warn"),
}  # fmt: skip


class MapPart:
    """The map of a session in one browser.

    Args:
        desk: The page's place at the session.
        pictures: Pictures of examples.
        look: Colours of the page.
        marks: Takes what is selected as examples of a direction, `positive` or `negative`.
        forget: Takes what is selected as the target.
    """

    def __init__(
        self, desk: Desk, pictures: Pictures, look: Look, *, marks: Callable[[str], None], forget: Callable[[], None]
    ) -> None:
        self.desk, self._look, self._marks, self._forget = desk, look, marks, forget
        self._view: EmbeddingView | None = None
        self._points: MapPoints | None = None
        self._seq = 0
        self._frames: Sequence[MapFrame] = ()
        self._build(pictures)
        look.on_change(lambda now: self._view.set_state(dark=now.dark) if self._view else None)
        desk.on(MapPoints, self._take_points)
        desk.on(MapFrame, self._take_frame)
        desk.on(SessionView, self._news)
        if desk.room.points:
            self._take_points(desk.room.points)
        if desk.room.frame:
            self._take_frame(desk.room.frame)

    def _build(self, pictures: Pictures) -> None:
        with ui.element("div").classes("wb-map-bar"):
            self._chip = drawn().props("role=status aria-live=polite").classes("wb-map-chip")
            ui.element("span").classes("ls-grow")
            self._colour = ui.select(COLOURS, value="class", on_change=self._coloured).props(
                "dense outlined options-dense prefix=Colour:"
            )
            named(self._colour.classes("wb-colour"), "Colour of the points")
        with ui.element("div").classes("wb-map") as self._place:
            self._empty = ui.label("The first picture of the map is being made …").classes("wb-empty")
        self._card = HoverCard(self.desk, pictures)
        with ui.element("div").classes("wb-map-selection"):
            names = dict(enumerate(self.desk.view.data.classes))
            self._pick = ui.select({-1: "Select class …", **names}, value=-1, on_change=self._picked).props(
                "dense outlined options-dense"
            )
            named(self._pick.classes("wb-pick"), "Select the points of a class")
            button("Forget these", self._forget, kind="plain", title="Make the selected examples the target (t)")
            button("Show it +", lambda: self._marks("positive"), title="The selected examples show the direction's meaning")
            button("Do not −", lambda: self._marks("negative"), title="The selected examples do not show it")
        with named(ui.element("div").classes("wb-replay").props("role=group"), "Replay of an iteration"):
            self._which = ui.label("Replay").classes("wb-subtitle")
            self._scrub = ui.slider(min=0, max=1, value=1, on_change=self._scrubbed).classes("wb-slider")
            named(self._scrub, "Picture of the replay")
            self._when = ui.label().classes("wb-quiet-text wb-when")
            self._live = button("Live", self.live, kind="plain", title="Show the newest picture again")
        self._rewind()

    # News --------------------------------------------------------------------------------------------------------------------

    def _take_points(self, news: MapPoints) -> None:
        if self._points is not None and self._points.serial == news.serial:
            return
        same = self._points is not None and len(self._points.index) == len(news.index)
        self._points, self._frames = news, ()
        points = self._as_points(news, None)
        if self._view is None:
            self._empty.set_visibility(False)
            with self._place:
                self._view = EmbeddingView(
                    points, color_by=str(self._colour.value), dark=self._look.dark, name="Map of training examples"
                )
            self._view.on_select(self._selected)
            self._view.on_hover(lambda place: self._card.show(self._example(place)))
        else:
            self._view.set_state(points)
        if not same:
            self._seq = 0
        background_tasks.create(self._begin(news.serial), name="start of the map")

    def _as_points(self, news: MapPoints, after: NDArray[np.int64] | None) -> Points:
        target = np.asarray(news.target, bool)
        before = np.asarray(news.answers, np.int64)
        parts = np.where(target, FORGET, RETAIN).astype(np.int64)
        now = before if after is None else after
        return Points(self.desk.view.data.classes, np.asarray(news.labels, np.int64), parts=parts, before=before, after=now)

    async def _begin(self, serial: int) -> None:
        """Measure movement from where the points of the base lie."""
        try:
            frames = await self.desk.room.picture(BASE)
        except LorasteerError:
            return
        if frames and self._view and frames[-1].serial == serial and self._points and self._points.serial == serial:
            self._view.set_start(positions_of(frames[-1]))

    def _take_frame(self, frame: MapFrame) -> None:
        if not self._frames:
            self._show(frame)

    def _show(self, frame: MapFrame) -> None:
        if self._view is None or self._points is None or frame.serial != self._points.serial:
            return
        self._seq += 1
        self._view.set_positions(positions_of(frame), self._seq, after=answers_of(frame))
        self._say(frame)

    def _say(self, frame: MapFrame) -> None:
        text, kind = CHIPS[frame.status]
        chip = tag(
            "span",
            tag("span", "", class_="ls-dot"),
            text,
            class_=f"ls-chip ls-is-{kind}" if kind else "ls-chip",
            title=frame.words,
        )
        known = [
            (where, share)
            for where, share in (("map", frame.purity_map), (frame.space, frame.purity_features))
            if share is not None
        ]
        purity = "purity " + " · ".join(f"{where} {share:.0%}" for where, share in known) if known else ""
        title = f"{frame.words} Share of a target point's 10 nearest neighbours that are of its class."
        show(self._chip, joined([chip, tag("span", purity, class_="wb-quiet-text", title=title)]))

    def _news(self, view: SessionView) -> None:
        if view.state == "unlearning" and self._frames:
            self.live()
        self._rewind()

    # Replay ------------------------------------------------------------------------------------------------------------------

    def _rewind(self) -> None:
        head = self.desk.view.head
        self._which.set_text("Replay" if head == BASE else f"Replay {head}")
        self._scrub.set_enabled(head != BASE and self.desk.view.state not in ("unlearning", "evaluating"))
        self._live.set_visibility(bool(self._frames))

    async def _scrubbed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if not self._frames:
            try:
                self._frames = await self.desk.room.picture(self.desk.view.head)
            except LorasteerError as error:
                self._when.set_text(str(error))
            if not self._frames:
                self._when.set_text(self._when.text or "no pictures were kept")
                return
            self._scrub.props(f"step={1 / max(1, len(self._frames) - 1)}")
            self._rewind()
        place = round(float(event.value or 0) * (len(self._frames) - 1))
        frame = self._frames[place]
        self._when.set_text("settled" if frame.step is None else f"step {frame.step}")
        self._show(frame)

    def live(self) -> None:
        """Leave the replay and show the newest picture."""
        self._frames = ()
        self._scrub.set_value(1)
        self._when.set_text("")
        self._rewind()
        if self.desk.room.frame:
            self._show(self.desk.room.frame)

    # What a person does ------------------------------------------------------------------------------------------------------

    def _coloured(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if self._view:
            self._view.set_state(color_by=str(event.value))

    def _picked(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if self._view and self._points and event.value is not None and event.value >= 0:
            self._view.select(np.flatnonzero(np.asarray(self._points.labels) == event.value))

    def _selected(self, chosen: NDArray[np.int64]) -> None:
        assert self._points is not None
        places = chosen.tolist()
        self.desk.select(tuple(self._points.index[one] for one in places), tuple(self._points.ids[one] for one in places))
        if not places:
            self._pick.set_value(-1)

    def _example(self, place: int | None) -> int | None:
        return self._points.index[place] if place is not None and self._points else None

    def focus(self) -> None:
        """Put the focus on the map."""
        ask_browser(self._place, "(e) => e.querySelector('[role=application]')?.focus()")

    def clear(self) -> None:
        """Select nothing."""
        if self._view:
            self._view.clear()


def positions_of(frame: MapFrame) -> NDArray[np.float32]:
    """Places of the points, float32[n, 2]."""
    return np.frombuffer(base64.b64decode(frame.positions), "<f4").reshape(-1, 2)


def answers_of(frame: MapFrame) -> NDArray[np.int64]:
    """What each point is taken for, int64[n]."""
    data, count = base64.b64decode(frame.answers), len(positions_of(frame))
    return np.frombuffer(data, np.uint8 if len(data) == count else "<u2").astype(np.int64)
