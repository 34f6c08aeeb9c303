"""Serve the pages on the house of paper: `python -m tests.web.looks.serve [SESSIONS] [PORT]`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp

from nicegui import app, ui

from lorasteer.web.api import Reception, make_api
from lorasteer.web.pages import compare, export, library
from lorasteer.web.uploads import Uploads
from tests.web.looks.house import filled


def paper(sessions: int = 3, slow: float = 0.0) -> None:
    """Register every page of this folder, and a page that says what came of a session.

    Args:
        sessions: How many sessions there are at first.
        slow: Seconds that it takes to begin one.
    """
    house = filled(sessions)
    house.slow = slow
    app.mount("/api", make_api(Reception(house, Uploads(Path(mkdtemp())))))
    for page in (library, compare, export):
        page.register(house)

    @ui.page("/session/{run}")
    async def opened(run: str) -> None:
        room = await house.room(run)
        ui.label(f"{room.view.name}: {len(room.view.nodes) - 1} made, {room.view.head} in force")


def main(sessions: int = 3, port: int = 8765) -> None:
    paper(sessions)
    ui.run(host="127.0.0.1", port=port, show=False, reload=False, show_welcome_message=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
