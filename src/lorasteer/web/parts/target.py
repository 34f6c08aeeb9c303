"""Which examples to forget: classes, a condition on attributes, ids, or a line drawn around points of the map."""

from __future__ import annotations

import re
from typing import Any

from nicegui import events, ui

from lorasteer.web.parts.controls import Complaint, Panel, ask_browser, button, named, pressed
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.draft import Draft, predicate
from lorasteer.web.parts.news import Planned, Problem, Selected
from lorasteer.web.views import AttributeView

WAYS = {"classes": "Classes", "where": "Attributes", "ids": "Examples"}
MANY = 12
"""Above so many classes there is a field to find one."""
SHORT = 5
"""Names of so many letters stand five in a row, those of twice as many three, longer ones two."""
MOST = 60
"""So many classes are shown at once."""


class TargetPart:
    """The panel that names the target. What it selects is said below it, before anything is done."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self._chips = desk, dict[str, ui.button]()
        with Panel("Target") as self.panel:
            self._way = ui.toggle(WAYS, value=desk.draft.way, on_change=self._to_way).props("dense no-caps unelevated spread")
            named(self._way, "Ways to name the target")
            self._boxes = {"classes": self._classes(), "where": self._where(), "ids": self._ids()}
            self._size = ui.label().classes("wb-size").props("role=status aria-live=polite")
            self.problem = Complaint()
        desk.on(Draft, self._draw)
        desk.on(Planned, self._planned)
        desk.on(Problem, lambda news: self.problem.say(news.text) if news.place == "request" else None)
        desk.on(Selected, self._selected)
        self._draw(desk.draft)

    def _to_way(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.desk.change(way=event.value)

    # Classes -----------------------------------------------------------------------------------------------------------------

    def _classes(self) -> ui.element:
        names = self.desk.view.data.classes
        with ui.element("div") as box:
            if len(names) > MANY:
                find = ui.input(placeholder="Find a class", on_change=lambda event: self._fill(str(event.value or "")))
                named(find.props("dense outlined clearable debounce=150"), "Find a class")
            longest = max(map(len, names))
            size = "wb-short" if longest <= SHORT else "wb-middling" if longest <= 2 * SHORT else "wb-long"
            self._chip_box = named(ui.element("div").classes(f"wb-chips {size}").props("role=group"), "Classes to forget")
        self._fill("")
        return box

    def _fill(self, words: str) -> None:
        data = self.desk.view.data
        found = [(name, count) for name, count in zip(data.classes, data.counts, strict=True) if words.lower() in name.lower()]
        self._chip_box.clear()
        self._chips.clear()
        with self._chip_box:
            for name, count in found[:MOST]:
                chip = ui.button(name, on_click=lambda name=name: self.desk.put(self.desk.draft.toggled(name)), color=None)
                chip.props("flat dense no-caps").classes("wb-chip")
                self._chips[name] = named(
                    chip, f"class {name}, {count:,} training examples", title=f"{count:,} training examples"
                )
                pressed(chip, name in self.desk.draft.classes)
            if len(found) > MOST:
                ui.label(f"… and {len(found) - MOST} more; type to find them.").classes("wb-quiet-text")

    # Attributes --------------------------------------------------------------------------------------------------------------

    def _where(self) -> ui.element:
        with ui.element("div") as box:
            attributes = {"class": "class", **{one.name: one.name for one in self.desk.view.data.attributes}}
            with ui.element("div").classes("wb-pair"):
                self._attribute = ui.select(attributes, value="class", on_change=lambda _: self._values())
                named(self._attribute.props("dense outlined options-dense"), "Attribute")
                self._value_box = ui.element("div")
            self._text = ui.input(placeholder="class == 7 and style == bold", on_change=self._to_text)
            named(self._text.props("dense outlined debounce=300").classes("wb-mono"), "Condition on class and attributes")
        self._values()
        return box

    def _values(self) -> None:
        self._value_box.clear()
        name = str(self._attribute.value)
        with self._value_box:
            if name == "class":
                self._choose(name, self.desk.view.data.classes)
                return
            facts = next(one for one in self.desk.view.data.attributes if one.name == name)
            self._choose(name, facts.values) if facts.values else self._range(facts)

    def _choose(self, name: str, values: tuple[str, ...]) -> None:
        choice = ui.select(list(values), multiple=True, with_input=len(values) > MANY)
        choice.on_value_change(lambda event: self._write(predicate(name, event.value) if event.value else ""))
        named(choice.props("dense outlined options-dense"), f"Values of {name}")

    def _range(self, facts: AttributeView) -> None:
        low, high = facts.low or 0.0, facts.high or 0.0
        least = ui.number(value=low, min=low, max=high, prefix="≥").props("dense outlined debounce=300 step=any")
        least.on_value_change(lambda event: self._write(f"{predicate(facts.name, ['0']).split(' == ')[0]} >= {event.value:g}"))
        named(least, f"Least {facts.name}, from {low:g} to {high:g}")

    def _write(self, text: str) -> None:
        self.desk.change(way="where", where=text)

    def _to_text(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if (event.value or "") != self.desk.draft.where:
            self._write(str(event.value or ""))

    # Ids ---------------------------------------------------------------------------------------------------------------------

    def _ids(self) -> ui.element:
        with ui.element("div") as box:
            self._from_map = button("Take those selected on the map", self.take_selected, kind="plain")
            self._id_text = ui.textarea(placeholder="Ids of training examples", on_change=self._to_ids)
            named(self._id_text.props("dense outlined debounce=400 rows=2").classes("wb-mono"), "Ids of training examples")
        return box

    def _to_ids(self, event: events.ValueChangeEventArguments[Any]) -> None:
        ids = tuple(dict.fromkeys(re.findall(r"[^\s,;]+", str(event.value or ""))))
        if ids != self.desk.draft.ids:
            self.desk.change(way="ids", ids=ids)

    def take_selected(self) -> None:
        """Forget the examples that are selected on the map."""
        if self.desk.selected.ids:
            self.desk.change(way="ids", ids=self.desk.selected.ids, direction=None)
        else:
            self.desk.tell(Problem("request", "nothing is selected on the map; draw around points there, or press Select class."))

    def focus(self) -> None:
        """Put the focus on the first control of the target."""
        inner = "button.wb-chip, textarea, input"
        ask_browser(self.panel.box, f"(e) => {{ e.open = true; e.querySelector('{inner}')?.focus(); }}")

    def _selected(self, news: Selected) -> None:
        self._from_map.set_text(
            f"Take the {len(news.ids):,} selected on the map" if news.ids else "Take those selected on the map"
        )

    # -------------------------------------------------------------------------------------------------------------------------

    def _draw(self, draft: Draft) -> None:
        self._way.set_value(draft.way)
        for way, box in self._boxes.items():
            box.set_visibility(way == draft.way)
        for name, chip in self._chips.items():
            pressed(chip, name in draft.classes)
        if self._text.value != draft.where:
            self._text.set_value(draft.where)
        if tuple(re.findall(r"[^\s,;]+", str(self._id_text.value or ""))) != draft.ids:
            self._id_text.set_value(" ".join(draft.ids))
        if not draft.complete:
            self.panel.say("choose")

    def _planned(self, news: Planned) -> None:
        train = self.desk.view.data.train
        text = f"{news.preview.forget:,} of {train:,} training examples" if news.preview else ""
        self._size.set_text(text)
        self.panel.say(f"{news.preview.forget:,} examples" if news.preview else "choose" if not self.desk.draft.complete else "")
