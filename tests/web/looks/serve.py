"""Serve the pages on the house of paper: `python -m tests.web.looks.serve [SESSIONS] [PORT]`."""

from __future__ import annotations

import sys

from nicegui import ui

from lorasteer.web.pages import compare, export, library
from tests.web.looks.house import filled


def main(sessions: int = 3, port: int = 8765) -> None:
    house = filled(sessions)
    for page in (library, compare, export):
        page.register(house)
    ui.run(host="127.0.0.1", port=port, show=False, reload=False, show_welcome_message=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
