"""How strongly to forget: one number, what it promises, and the plan that it is translated into, to be seen and changed."""

from __future__ import annotations

from typing import Any

from nicegui import events, ui

from lorasteer.steer.intensity import COLUMNS
from lorasteer.web.parts.controls import Panel, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.draft import Draft, Value
from lorasteer.web.parts.fields import Field, settings_of
from lorasteer.web.parts.markup import drawn, joined, show, tag
from lorasteer.web.parts.news import Planned

STEP = 0.05


class IntensityPart:
    """The panel with the slider and its plan."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self._method = desk, ""
        self._fields: dict[str, Field] = {}
        with Panel("Intensity") as self.panel:
            self._slider = ui.slider(min=0, max=1, step=STEP, value=desk.draft.intensity, on_change=self._slid)
            named(self._slider.classes("wb-slider"), "Intensity, from 0, nothing, to 1, strongest")
            with ui.element("div").classes("wb-ends").props("aria-hidden=true"):
                ui.label("nothing")
                ui.label("strongest")
            self._promise = ui.label().classes("wb-size").props("role=status aria-live=polite")
            with ui.element("details").classes("wb-plan").props("open"):
                with ui.element("summary"):
                    ui.label("Plan").classes("wb-subtitle")
                self._box = ui.element("div").classes("wb-fields")
                self._because = drawn().classes("wb-because")
        desk.on(Draft, self._draw)
        desk.on(Planned, self._planned)
        self._draw(desk.draft)

    def _slid(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.desk.change(intensity=round(float(event.value or 0), 4))

    def _draw(self, draft: Draft) -> None:
        self.panel.say(f"{draft.intensity:.2f}")
        if self._slider.value != draft.intensity:
            self._slider.set_value(draft.intensity)
        if draft.method != self._method:
            self._method = draft.method
            self._build()
        self._fill()

    def _build(self) -> None:
        self._box.clear()
        with self._box:
            settings = [one for one in settings_of(self._method) if one.name in COLUMNS]
            self._fields = {one.name: Field(one, self._set) for one in settings}
            if not settings:
                ui.label("This method has nothing that intensity could set.").classes("wb-quiet-text")

    def _set(self, name: str, value: Value, by_hand: bool) -> None:
        kept = {key: held for key, held in self.desk.draft.settings.items() if key != name}
        self.desk.change(settings={**kept, name: value} if by_hand else kept)

    def _planned(self, news: Planned) -> None:
        if news.preview is None:
            self._promise.set_text("" if self.desk.draft.complete else "Choose a target to see the plan.")
            show(self._because, joined(()))
            return
        promised = news.preview.promised
        words = "promises no share" if promised is None else f"is to leave {promised:.0%} of the accuracy on the target at most"
        self._promise.set_text(words[0].upper() + words[1:])
        show(self._because, tag("ul", *(tag("li", reason) for reason in news.preview.plan.because)))
        self._fill()

    def _fill(self) -> None:
        draft, preview = self.desk.draft, self.desk.preview
        planned = preview.plan.settings if preview and preview.plan.method == draft.method else {}
        for name, field in self._fields.items():
            by_hand = name in draft.settings
            field.fill(draft.settings[name] if by_hand else planned.get(name, field.setting.default), by_hand=by_hand)
