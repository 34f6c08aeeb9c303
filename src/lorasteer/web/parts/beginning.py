"""A new session in three choices: on which base, what to forget, how strongly."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence

from nicegui import ui

from lorasteer.errors import UserError
from lorasteer.session.steps import Start
from lorasteer.steer.intensity import promised
from lorasteer.web.house import House, Room
from lorasteer.web.parts.frame import Frame
from lorasteer.web.parts.picks import Picks
from lorasteer.web.parts.theme import words
from lorasteer.web.views import BaseView

INTENSITIES: Mapping[str, str] = {"0.25": "Gently", "0.5": "Clearly", "0.75": "Strongly", "1": "Fully"}
MANY = 30
"""From so many classes on, they are chosen from a list with a search field instead of from buttons."""


class Beginning:
    """The form; it keeps what was chosen when it fails.

    Args:
        house: Where the session is begun.
        bases: What it can be begun on.
        top: The bar, which knows who acts.
    """

    def __init__(self, house: House, bases: tuple[BaseView, ...], top: Frame) -> None:
        self._house, self._bases, self._top = house, {base.id: base for base in bases}, top
        self._classes: tuple[str, ...] = ()
        self._key = secrets.token_hex(8)  # of this session: a second click begins no second one
        with ui.element("section").classes("ls-card ls-stack ls-gap-16 ls-begin").props("id=begin aria-labelledby=begin-title"):
            words("h2", "New session").props("id=begin-title")
            self._base = self._choose_base()
            with ui.element("div").classes("ls-stack ls-gap-4") as self._what:
                pass
            self._how = self._choose_intensity()
            self._name = ui.input("Name (optional)").props("outlined dense maxlength=80").classes("w-full")
            self._button = ui.button("Begin", on_click=self._begin).props("unelevated")
            self._said = words("p", classes="ls-small ls-muted").props("role=status aria-live=polite")
        self._on_base()

    def _choose_base(self) -> Picks:
        with ui.element("div").classes("ls-stack ls-gap-4"):
            words("h3", "1  Base model")
            options = {base.id: base.name for base in self._bases.values()}
            picks = Picks("Base model", options, picked=tuple(options)[:1], on_change=self._on_base)
            self._about = words("p", classes="ls-small ls-muted")
        return picks

    def _choose_intensity(self) -> Picks:
        with ui.element("div").classes("ls-stack ls-gap-4"):
            words("h3", "3  How strongly")
            picks = Picks("How strongly", INTENSITIES, picked=("0.5",), on_change=self._on_intensity)
            self._promise = words("p", classes="ls-small ls-muted")
        return picks

    @property
    def _chosen(self) -> BaseView | None:
        return self._bases.get(self._base.picked[0]) if self._base.picked else None

    def _on_base(self) -> None:
        base = self._chosen
        self._about.text = (
            about(base) if base else "There is no base model yet; start the workbench with a folder that holds one."
        )
        self._button.set_enabled(base is not None)
        self._what.clear()
        self._classes = ()
        with self._what:
            words("h3", "2  What to forget")
            self._choose_classes(base.names if base else ())
        self._on_intensity()

    def _choose_classes(self, names: tuple[str, ...]) -> None:
        if len(names) >= MANY:
            field = ui.select(list(names), label="Classes; none to choose later", multiple=True, with_input=True)
            field.props("outlined dense use-chips").classes("w-full").on_value_change(lambda event: self._on_classes(event.value))
            return
        options = {name: name for name in names}
        picks = Picks("What to forget", options, many=True, none="Choose later", on_change=lambda: self._on_classes(picks.picked))

    def _on_classes(self, names: Sequence[str]) -> None:
        self._classes = tuple(names)
        self._on_intensity()

    def _on_intensity(self) -> None:
        later = "" if self._classes else " It can be changed in the workbench, as everything here."
        self._promise.text = promise(float(self._how.picked[0])) + later

    async def _begin(self) -> None:
        base = self._chosen
        if base is None:
            return
        self._button.props("loading").set_enabled(False)
        began = time.monotonic()
        clock = ui.timer(0.5, lambda: self._say(waiting(base, time.monotonic() - began)))
        try:
            room = await self._house.begin(base.id, name=(self._name.value or "").strip(), actor=self._top.actor)
            await self._ask(room)
            ui.navigate.to(f"/session/{room.id}")
        except UserError as error:
            self._say(str(error), bad=True)
        finally:
            clock.cancel()
            self._button.props(remove="loading").set_enabled(True)

    async def _ask(self, room: Room) -> None:
        if not self._classes:
            return
        step = Start(action="start", forget=self._classes, intensity=float(self._how.picked[0]))
        await room.act(step, version=room.view.version, actor=self._top.actor, key=self._key)

    def _say(self, text: str, *, bad: bool = False) -> None:
        self._said.text = text
        self._said.classes(replace="ls-small " + ("ls-bad" if bad else "ls-muted"))


def about(base: BaseView) -> str:
    """What there is to know of a base, on one line.

    Args:
        base: The base.
    """
    accuracy = "" if base.accuracy is None else f", {base.accuracy:.1%} right on test examples"
    ready = "" if base.ready else ". It is trained at the first use, which takes a moment once"
    return f"{base.model} on {base.data}, {base.classes} classes{accuracy}{ready}."


def promise(intensity: float) -> str:
    """What an intensity aims at, in a sentence.

    Args:
        intensity: 0 to 1.

    Example:
        >>> promise(0.25)
        'Intensity 0.25: aims at 50% of the accuracy that the base has on it.'
    """
    left = promised(intensity)
    aim = "none of the accuracy" if left == 0 else f"{left:.0%} of the accuracy"
    return f"Intensity {intensity:g}: aims at {aim} that the base has on it."


def waiting(base: BaseView, seconds: float) -> str:
    """What is waited for while a session is begun.

    Args:
        base: The base it is begun on.
        seconds: How long it has taken so far.
    """
    what = "Opening the base" if base.ready else f"Training the base on {base.data}, once"
    return f"{what}: {seconds:.0f} s"
