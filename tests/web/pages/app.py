"""Small apps for tests in a browser: the workbench page on a session in memory, and on the real engine."""

from __future__ import annotations

from pathlib import Path

from nicegui import app, ui

from lorasteer.tasks.base import save_base
from lorasteer.web import pages
from lorasteer.web.engine import open_house
from lorasteer.web.pages import workbench
from tests.support.digits import small_base
from tests.web.pages.facts import crowded
from tests.web.pages.house import MemoryHouse
from tests.web.pages.room import MemoryRoom


def memory(pause: float = 0.15, steps: int = 12, rooms: int = 40) -> None:
    """Serve sessions in memory: `/session/run1` and so on.

    Args:
        pause: Seconds between training steps.
        steps: Training steps of a round.
        rooms: How many sessions there are.
    """
    names = [f"run{number}" for number in range(1, rooms + 1)]
    workbench.register(MemoryHouse({name: MemoryRoom(id=name, pause=pause, steps=steps) for name in names}))


def real(folder: str) -> None:
    """Serve a session on digits with the real engine; `/begin` begins one and leads there.

    Args:
        folder: Where store and base lie; the base is trained when there is none.
    """
    place = Path(folder)
    if not (place / "base" / "base.json").is_file():
        save_base(small_base(), place / "base")
    house = open_house(place / "store", [place / "base"])
    pages.register(house)

    @ui.page("/begin", response_timeout=60)
    async def begin() -> None:
        ready = next(base for base in (await house.library()).bases if base.ready)
        room = await house.begin(ready.id, name="Forget a digit", actor="test")
        ui.navigate.to(f"/session/{room.id}")

    app.on_shutdown(house.close)


def many() -> None:
    """Serve `/session/run1` on data with many classes."""
    workbench.register(MemoryHouse({"run1": MemoryRoom(data=crowded(), pause=0.02)}))
