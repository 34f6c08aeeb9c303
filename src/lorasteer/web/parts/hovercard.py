"""The example under the mouse: its picture, its label, and what is answered before and after."""

from __future__ import annotations

from nicegui import background_tasks, ui

from lorasteer.errors import LorasteerError
from lorasteer.web.parts.controls import attributes
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, joined, show, tag
from lorasteer.web.parts.pictures import Pictures
from lorasteer.web.views import ExampleView


class HoverCard:
    """A card in a corner of the map; it has a place of its own, so that nothing moves when it comes.

    Args:
        desk: The page's place at the session.
        pictures: Pictures of examples.
    """

    def __init__(self, desk: Desk, pictures: Pictures) -> None:
        self.desk, self._pictures = desk, pictures
        self._wanted: int | None = None
        self._asking = False
        with ui.element("div").classes("wb-hover").props("aria-hidden=true") as self._card:
            self._image = ui.element("img").props('alt=""')
            self._words = drawn()
        self._card.set_visibility(False)

    def show(self, index: int | None) -> None:
        """Show a training example, None none. Of several in a row only the last is asked for."""
        self._wanted = index
        if index is None:
            self._card.set_visibility(False)
        elif not self._asking:
            background_tasks.create(self._ask(), name="example under the mouse")

    async def _ask(self) -> None:
        self._asking = True
        try:
            index = None
            while self._wanted is not None and self._wanted != index:
                index = self._wanted
                await self._fill(index)
        finally:
            self._asking = False

    async def _fill(self, index: int) -> None:
        try:
            found, source = await self.desk.room.example(index), await self._pictures.source(index)
        except LorasteerError:
            return
        if index == self._wanted:
            attributes(self._image, src=source)
            show(self._words, words(found))
            self._card.set_visibility(True)


def words(found: ExampleView) -> Markup:
    """The facts of an example."""
    facts = [tag("b", found.label), tag("span", found.id, class_="wb-quiet-text")]
    if found.before:
        facts.append(tag("span", f"{_answer(found.before, found.sure_before)} → {_answer(found.after, found.sure_after)}"))
    facts += [
        tag("span", f"{name}: {_fact(value)}", class_="wb-quiet-text") for name, value in list(found.attributes.items())[:3]
    ]
    return joined(facts)


def _fact(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _answer(name: str, sure: float | None) -> str:
    return name if sure is None else f"{name} {sure:.0%}"
