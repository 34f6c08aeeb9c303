"""A new session in three choices: on which base, what to forget, how strongly."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.session.steps import Start
from lorasteer.steer.intensity import promised
from lorasteer.web.house import House, Room
from lorasteer.web.parts.frame import Frame
from lorasteer.web.parts.picks import Picks
from lorasteer.web.parts.theme import words
from lorasteer.web.parts.upload import Upload
from lorasteer.web.views import BaseView

INTENSITIES: Mapping[str, str] = {"0.25": "Gently", "0.5": "Clearly", "0.75": "Strongly", "1": "Fully"}
MANY = 30
"""From so many classes on, they are chosen from a list with a search field instead of from buttons."""
TICK = 0.5
"""Seconds between two looks at how far the training of a base is."""


class Beginning:
    """The form; it keeps what was chosen when it fails.

    Args:
        house: Where the session is begun.
        bases: What it can be begun on.
        top: The bar, which knows who acts.
    """

    def __init__(self, house: House, bases: tuple[BaseView, ...], top: Frame) -> None:
        self._house, self._top = house, top
        self._bases: dict[str, BaseView] = {}
        self._classes: tuple[str, ...] = ()
        with ui.element("section").classes("ls-card ls-stack ls-gap-16").props("id=begin aria-labelledby=begin-title"):
            words("h2", "New session").props("id=begin-title")
            with ui.element("div").classes("ls-stack"):
                words("h3", "1  Base model")
                self._where = ui.element("div")
                self._about = words("p", classes="ls-small ls-muted")
                Upload(self._adopted)
            self._what = ui.element("div").classes("ls-stack")
            self._how = self._choose_intensity()
            self._name = ui.input("Name (optional)").props("outlined dense maxlength=80").classes("w-full")
            self._button = ui.button("Begin", on_click=self._begin).props("unelevated")
            self._waiting = Waiting(house)
        self.show(bases)

    def show(self, bases: tuple[BaseView, ...], chosen: str = "") -> None:
        """Offer these bases.

        Args:
            bases: All there are.
            chosen: Id of the one that is picked at first; the first when left out.
        """
        self._bases = {base.id: base for base in bases}
        self._where.clear()
        with self._where:
            picked = (chosen,) if chosen in self._bases else tuple(self._bases)[:1]
            options = {base.id: base.name for base in bases}
            self._base = Picks("Base model", options, picked=picked, on_change=self._on_base)
        self._on_base()

    async def _adopted(self, base: str) -> None:
        self.show((await self._house.library()).bases, base)

    def _choose_intensity(self) -> Picks:
        with ui.element("div").classes("ls-stack"):
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
        clock = self._waiting.begin(base)
        try:
            room = await self._house.begin(base.id, name=(self._name.value or "").strip(), actor=self._top.actor)
            await self._ask(room)
            ui.navigate.to(f"/session/{room.id}")
        except LorasteerError as error:
            self._waiting.failed(str(error))
        finally:
            clock.cancel()
            self._button.props(remove="loading").set_enabled(True)

    async def _ask(self, room: Room) -> None:
        if not self._classes:
            return
        step = Start(action="start", forget=self._classes, intensity=float(self._how.picked[0]))
        await room.act(step, version=room.view.version, actor=self._top.actor, key=secrets.token_hex(8))


class Waiting:
    """Says what is waited for: seconds, and how much of a base's training is done.

    Args:
        house: Knows how far the training is.
    """

    def __init__(self, house: House) -> None:
        self._house, self._since = house, 0.0
        self._bar = ui.linear_progress(value=0.0, show_value=False, size="4px").props('aria-label="Training of the base"')
        self._bar.set_visibility(False)
        self._said = words("p", classes="ls-small ls-muted").props("role=status aria-live=polite")

    def begin(self, base: BaseView) -> ui.timer:
        """Say it from now on, until the timer is cancelled."""
        self._since = time.monotonic()
        self._said.classes(replace="ls-small ls-muted")
        return ui.timer(TICK, lambda: self._look(base), immediate=False)

    async def _look(self, base: BaseView) -> None:
        known = {} if base.ready else {one.id: one.making for one in (await self._house.library()).bases}
        done = known.get(base.id)
        self._bar.set_visibility(done is not None)
        self._bar.value = done or 0.0
        self._said.text = waiting(base, time.monotonic() - self._since, done)

    def failed(self, why: str) -> None:
        """Say why it broke off."""
        self._bar.set_visibility(False)
        self._said.text = why
        self._said.classes(replace="ls-small ls-bad")


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


def waiting(base: BaseView, seconds: float, done: float | None = None) -> str:
    """What is waited for while a session is begun.

    Args:
        base: The base it is begun on.
        seconds: How long it has taken so far.
        done: How much of the base's training is done; None where none runs, or nothing is known of it.
    """
    if base.ready:
        return f"Opening the base: {seconds:.0f} s"
    share = "" if done is None else f"{done:.0%}, "
    return f"Training the base on {base.data}, once: {share}{seconds:.0f} s"
