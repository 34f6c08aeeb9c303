"""The first page: sessions to go on with, and a new one in three choices."""

from __future__ import annotations

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.web.house import House
from lorasteer.web.parts.beginning import Beginning
from lorasteer.web.parts.frame import PAGE, frame
from lorasteer.web.parts.shelf import Shelf
from lorasteer.web.parts.theme import words

SECONDS = 4.0
"""How often the library is looked at again; sessions may be steered in other windows."""


def register(house: House) -> None:
    """Serve the library at `/`.

    Args:
        house: Everything that is served.
    """

    @ui.page("/", **PAGE)
    async def library() -> None:
        await _build(house)


async def _build(house: House) -> None:
    with frame("Library") as top:
        try:
            view = await house.library()
        except LorasteerError as error:
            words("p", str(error), "ls-note ls-is-bad").props("role=alert")
            return
        with top.tools:
            ui.link("New session", "#begin").classes("ls-jump")
        with ui.element("div").classes("ls-library"):
            shelf = Shelf(house, top)
            with ui.element("aside").props('aria-label="New session"'):
                Beginning(house, view.bases, top)
        shelf.show(view.runs)
        ui.timer(SECONDS, shelf.refresh, immediate=False)
