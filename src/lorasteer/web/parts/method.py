"""By which method to forget, and all that can be set about it; both are read from the registry."""

from __future__ import annotations

from typing import Any

from nicegui import events, ui

from lorasteer.methods import METHODS
from lorasteer.steer.intensity import COLUMNS
from lorasteer.web.parts.controls import Panel, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.draft import Draft, Value
from lorasteer.web.parts.fields import Field, settings_of
from lorasteer.web.parts.news import Planned

AIMS = {"auto": "as the target suggests", "remove": "not recognised at all", "match-unseen": "like unseen examples"}


class MethodPart:
    """The panel with the method, where to stop, and the advanced settings."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self._method = desk, ""
        self._fields: dict[str, Field] = {}
        with Panel("Method", opened=False) as self.panel:
            names = METHODS.names(tasks="vision")
            self._choice = ui.select(names, value=desk.draft.method, on_change=self._chosen).props("dense outlined options-dense")
            named(self._choice, "Method")
            self._about = ui.label().classes("wb-quiet-text")
            self._aim = ui.select(AIMS, value=desk.draft.aim, label="Stop when the target is", on_change=self._aimed)
            self._aim.props("dense outlined options-dense")
            self._seed = ui.number("Seed", value=desk.draft.seed, min=0, precision=0, on_change=self._seeded)
            self._seed.props("dense outlined debounce=300")
            with ui.element("details").classes("wb-plan"):
                with ui.element("summary"):
                    ui.label("Advanced settings").classes("wb-subtitle")
                self._box = ui.element("div").classes("wb-fields")
        desk.on(Draft, self._draw)
        desk.on(Planned, lambda _: self._fill())
        self._draw(desk.draft)

    def _chosen(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if event.value != self.desk.draft.method:
            self.desk.change(method=event.value, settings={})

    def _aimed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.desk.change(aim=event.value)

    def _seeded(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.desk.change(seed=max(0, int(event.value or 0)))

    def _draw(self, draft: Draft) -> None:
        self.panel.say(draft.method)
        self._choice.set_value(draft.method)
        self._aim.set_value(draft.aim)
        if draft.method != self._method:
            self._method = draft.method
            self._build()
        self._fill()

    def _build(self) -> None:
        entry = METHODS[self._method]
        second_hand = " Rebuilt from descriptions by others." if entry["reconstruction"] else ""
        drift = "" if entry["forgets"] else " Does not promise to forget."
        self._about.set_text(f"{entry.summary}{drift}{second_hand} ({entry['family']}; {entry['paper']})")
        self._box.clear()
        with self._box:
            settings = [one for one in settings_of(self._method) if one.name not in COLUMNS]
            self._fields = {one.name: Field(one, self._set) for one in settings}
            if not settings:
                ui.label("This method has no settings.").classes("wb-quiet-text")

    def _set(self, name: str, value: Value, by_hand: bool) -> None:
        kept = {key: held for key, held in self.desk.draft.settings.items() if key != name}
        self.desk.change(settings={**kept, name: value} if by_hand else kept)

    def _fill(self) -> None:
        draft, preview = self.desk.draft, self.desk.preview
        planned = preview.plan.settings if preview and preview.plan.method == draft.method else {}
        for name, field in self._fields.items():
            by_hand = name in draft.settings
            field.fill(draft.settings[name] if by_hand else planned.get(name, field.setting.default), by_hand=by_hand)
