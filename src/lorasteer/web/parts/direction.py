"""Along which meaning inside the target to forget: an attribute, or examples that show it and examples that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import events, ui

from lorasteer.errors import LorasteerError
from lorasteer.records import Direction
from lorasteer.web.parts.controls import Complaint, Panel, attributes, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.draft import Draft
from lorasteer.web.parts.pictures import Pictures
from lorasteer.web.views import ExampleView

WAYS = {"none": "Whole target", "attribute": "Attribute", "examples": "Examples"}
SIGNS = {"": "", "positive": "+", "negative": "−"}
NEXT = {"": "positive", "positive": "negative", "negative": ""}
SHOWN = 24
"""Thumbnails that are shown for typed words."""


class DirectionPart:
    """The panel that names a direction. Without one the whole target is forgotten evenly."""

    def __init__(self, desk: Desk, pictures: Pictures) -> None:
        self.desk, self._pictures = desk, pictures
        self._marks: dict[str, str] = {}
        self._found: Sequence[ExampleView] = ()
        with Panel("Direction", opened=False) as self.panel:
            self._way = ui.toggle(WAYS, value="none", on_change=self._to_way).props("dense no-caps unelevated spread")
            named(self._way, "Ways to name the direction")
            self._boxes = {"attribute": self._attribute_box(), "examples": self._example_box()}
            self.problem = Complaint()
        desk.on(Draft, self._draw)
        self._begin(desk.draft.direction)
        self._draw(desk.draft)

    def _begin(self, direction: Direction | None) -> None:
        """Take over the direction of a draft that was filled in from an earlier request."""
        if direction is None:
            return
        self._marks = dict.fromkeys(direction.positive, "positive") | dict.fromkeys(direction.negative, "negative")
        self._way.set_value("attribute" if direction.attribute else "examples")

    def _to_way(self, event: events.ValueChangeEventArguments[Any]) -> None:
        for way, box in self._boxes.items():
            box.set_visibility(way == event.value)
        if event.value == "none":
            self.desk.change(direction=None)
        elif event.value == "examples":
            self._marked()
        else:
            self._by_attribute()

    # Attribute ---------------------------------------------------------------------------------------------------------------

    def _attribute_box(self) -> ui.element:
        self._values: ui.select | None = None
        self._low: ui.switch | None = None
        with ui.element("div") as box:
            names = [one.name for one in self.desk.view.data.attributes]
            if not names:
                ui.label("This data has no attributes beside its class; show examples instead.").classes("wb-quiet-text")
            self._attribute = ui.select(names, label="Attribute", on_change=lambda _: self._of_attribute()).props(
                "dense outlined options-dense"
            )
            named(self._attribute, "Attribute of the direction").set_visibility(bool(names))
            self._value_box = ui.element("div")
        box.set_visibility(False)
        return box

    def _of_attribute(self) -> None:
        self._value_box.clear()
        self._values = self._low = None
        facts = next((one for one in self.desk.view.data.attributes if one.name == self._attribute.value), None)
        if facts is None:
            return
        with self._value_box:
            if facts.values:
                self._values = ui.select(list(facts.values), multiple=True, on_change=lambda _: self._by_attribute())
                named(self._values.props("dense outlined options-dense"), f"Values of {facts.name} to forget")
            else:
                self._low = ui.switch(f"low {facts.name} most", on_change=lambda _: self._by_attribute()).props("dense")
        self._by_attribute()

    def _by_attribute(self) -> None:
        if not self._attribute.value or (self._values is not None and not self._values.value):
            self.desk.change(direction=None)
            return
        values = tuple(self._values.value) if self._values is not None else ()
        low = bool(self._low and self._low.value)
        self.desk.change(direction=Direction(attribute=str(self._attribute.value), values=values, descending=low))

    # Examples ----------------------------------------------------------------------------------------------------------------

    def _example_box(self) -> ui.element:
        with ui.element("div") as box:
            words = ui.input(placeholder="Class, attribute or id").props("dense outlined clearable debounce=300")
            named(words, "Words that find examples").on_value_change(self._find)
            with ui.element("div").classes("wb-row"):
                button("All show it", lambda: self._mark_all("positive"), title="Every example shown below shows the meaning")
                button("None does", lambda: self._mark_all("negative"), title="No example shown below shows the meaning")
                button("Clear", self._clear, title="Take every mark away")
            self._thumbs = named(ui.element("div").classes("wb-thumbs").props("role=group"), "Examples; a press marks + then −")
            self._count = ui.label().classes("wb-size").props("role=status aria-live=polite")
        box.set_visibility(False)
        return box

    async def _find(self, event: events.ValueChangeEventArguments[Any]) -> None:
        try:
            found = await self.desk.room.find(str(event.value or ""), SHOWN) if event.value else ()
            self.problem.say(
                "" if found or not event.value else f"no training example matches {event.value!r}; try a class name."
            )
        except LorasteerError as error:
            found = ()
            self.problem.say(str(error))
        await self._show(found)

    async def _show(self, found: Sequence[ExampleView]) -> None:
        sources = [await self._pictures.source(one.index) for one in found]
        self._found = found
        self._thumbs.clear()
        with self._thumbs:
            for example, source in zip(found, sources, strict=True):
                self._thumb(example, source)

    def _thumb(self, example: ExampleView, source: str) -> None:
        thumb = ui.element("button").classes("wb-thumb").props("type=button")
        with thumb:
            attributes(ui.element("img"), src=source, alt="")
            sign = ui.label().classes("wb-sign").props("aria-hidden=true")

        def show() -> None:
            mark = self._marks.get(example.id, "")
            sign.set_text(SIGNS[mark])
            attributes(thumb, **{"data-mark": mark or None})
            named(thumb, f"{example.label}, id {example.id}, {mark or 'not marked'}", title=f"{example.label} · {example.id}")

        def press() -> None:
            self._mark((example.id,), NEXT[self._marks.get(example.id, "")])
            show()

        thumb.on("click", press)
        show()

    async def _mark_all(self, mark: str) -> None:
        self._mark(tuple(example.id for example in self._found), mark)
        await self._show(self._found)

    async def _clear(self) -> None:
        self._marks.clear()
        self._marked()
        await self._show(self._found)

    def take_selected(self, mark: str) -> None:
        """Mark the examples that are selected on the map as `positive` or `negative`."""
        self._way.set_value("examples")
        self._mark(self.desk.selected.ids, mark)

    def _mark(self, ids: Sequence[str], mark: str) -> None:
        for one in ids:
            self._marks.pop(one, None)
            if mark:
                self._marks[one] = mark
        self._marked()

    def _marked(self) -> None:
        chosen = {mark: tuple(one for one, said in self._marks.items() if said == mark) for mark in ("positive", "negative")}
        whole = all(chosen.values())
        missing = "" if whole or not any(chosen.values()) else " Mark some of each."
        self._count.set_text(f"{len(chosen['positive'])} show it, {len(chosen['negative'])} do not.{missing}")
        self.desk.change(direction=Direction(**chosen) if whole else None)

    # -------------------------------------------------------------------------------------------------------------------------

    def _draw(self, draft: Draft) -> None:
        direction = draft.direction
        if direction is None:
            self.panel.say("whole target")
        elif direction.attribute:
            self.panel.say(" ".join((direction.attribute, *direction.values)))
        else:
            self.panel.say(f"{len(direction.positive)} show it, {len(direction.negative)} do not")
