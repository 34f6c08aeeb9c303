"""Controls for a method's settings, made from its schema: a new setting needs no page to be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import events, ui

from lorasteer.methods import METHODS
from lorasteer.web.parts.controls import named
from lorasteer.web.parts.draft import Value

Kind = Literal["whole", "number", "choice", "switch", "names", "text"]
_KINDS: dict[str, Kind] = {"integer": "whole", "number": "number", "boolean": "switch", "array": "names", "string": "text"}


@dataclass(frozen=True)
class Setting:
    """One setting of a method.

    Args:
        name: As plans write it.
        kind: Which control it gets.
        default: The method's own value.
        help: What it means.
        optional: Whether it may be switched off.
        choices: Allowed values of a choice.
        low: Smallest allowed number.
        high: Largest allowed number.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    optional: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def label(self) -> str:
        """Its name as a person reads it."""
        return self.name.replace("_", " ")

    def read(self, given: Any) -> Value:
        """The value that a control says; None where it is empty and may be.

        Example:
            >>> Setting("layers", "names", (), "").read("a, b"), Setting("rank", "whole", 8, "").read(4.0)
            (('a', 'b'), 4)
        """
        if self.kind == "names":
            return tuple(part.strip() for part in str(given or "").split(",") if part.strip())
        if given is None or given == "":
            return None if self.optional else self.default
        value: Value = int(given) if self.kind == "whole" else given
        return value


def settings_of(method: str) -> tuple[Setting, ...]:
    """The settings of a registered method, in the order of its schema.

    Example:
        >>> [one.name for one in settings_of("lora-ihl") if one.kind == "choice"]
        ['anchor']
    """
    schema = METHODS[method].factory.Settings.model_json_schema()
    return tuple(_setting(name, facts) for name, facts in schema["properties"].items())


def _setting(name: str, facts: Mapping[str, Any]) -> Setting:
    ways = facts.get("anyOf", [facts])
    real = next(way for way in ways if way.get("type") != "null")
    kind: Kind = "choice" if "enum" in real else _KINDS[real["type"]]
    default = facts.get("default")
    return Setting(
        name, kind, tuple(default) if isinstance(default, list) else default, facts.get("description", ""),
        optional=len(ways) > 1, choices=tuple(real.get("enum", ())),
        low=real.get("minimum", real.get("exclusiveMinimum")), high=real.get("maximum", real.get("exclusiveMaximum")),
    )  # fmt: skip


class Field:
    """The control of one setting: its name, its value, and a way back once it was set by hand.

    Args:
        setting: Which.
        on_change: Told of the name and the value that a person gave; of no value when they want the plan's own back.
    """

    def __init__(self, setting: Setting, on_change: Callable[[str, Value | None, bool], None]) -> None:
        self.setting, self._tell, self._filling = setting, on_change, False
        with ui.element("div").classes("wb-field") as self.box:
            named(ui.label(setting.label).classes("wb-field-name"), "", title=setting.help)
            self.control = named(self._control(), setting.label, title=setting.help).classes("wb-field-control")
            self._back = ui.button("↺", on_click=self._reset, color=None).props("flat dense").classes("wb-field-back")
            named(self._back, f"{setting.label} as the intensity says", title="As the intensity says again")
        self._back.set_visibility(False)

    def _control(self) -> ui.element:
        setting, dense = self.setting, "dense outlined hide-bottom-space"
        if setting.kind in ("whole", "number"):
            given = ui.number(value=None, on_change=self._given).props(f"{dense} debounce=300 step=any")
            return given
        if setting.kind == "choice":
            return ui.select(list(setting.choices), on_change=self._given).props(f"{dense} options-dense")
        if setting.kind == "switch":
            return ui.switch(on_change=self._given).props("dense")
        return ui.input(on_change=self._given).props(f"{dense} debounce=300")

    def fill(self, value: Value, *, by_hand: bool) -> None:
        """Show a value without telling anybody."""
        self._filling = True
        shown = ", ".join(value) if isinstance(value, tuple) else value
        if getattr(self.control, "value", None) != shown:
            self.control.value = shown  # type: ignore[attr-defined]
        self._filling = False
        self._back.set_visibility(by_hand)
        self.box.classes(add="wb-by-hand") if by_hand else self.box.classes(remove="wb-by-hand")

    def _given(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if not self._filling:
            self._tell(self.setting.name, self.setting.read(event.value), True)

    def _reset(self) -> None:
        self._tell(self.setting.name, None, False)
