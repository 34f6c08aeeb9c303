"""Houses of the web engine: real processes on a small base, asked from one event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from lorasteer.records import Request
from lorasteer.session.steps import Start
from lorasteer.tasks.base import save_base
from lorasteer.web import views
from lorasteer.web.engine import Keeper, open_house
from lorasteer.web.engine.room import LiveRoom
from tests.support.digits import small_base
from tests.support.sessions import QUICK, quick

ENDLESS = {"epochs": 1000, "batch_size": 1, "retain": 50, "learning_rate": 1e-7}
"""Settings of a training that meets no aim and lasts until it is stopped."""
PATIENCE = 60.0


def house_in(folder: Path) -> Keeper:
    """A house with the small base, on a store of its own."""
    base = folder / "small"
    if not base.exists():
        save_base(small_base(), base)
    return open_house(folder / "store", [base], folder / "cache")


async def begun(house: Keeper, name: str = "a try") -> LiveRoom:
    """A new session on the small base."""
    library = await house.library()
    return await house.begin(library.bases[0].id, name=name, actor="ann")


def start(*, endless: bool = False, forget: str = "7", why: str = "") -> Start:
    """A first step: one short epoch, or one that lasts."""
    return Start(action="start", forget=forget, intensity=0.5, settings=dict(ENDLESS if endless else QUICK), why=why)


async def until(room: LiveRoom, true: Callable[[views.SessionView], bool]) -> views.SessionView:
    """The first view for which something is true."""
    async with asyncio.timeout(PATIENCE):
        while not true(room.view):
            await asyncio.sleep(0.005)
    return room.view


async def reviewing(room: LiveRoom) -> views.SessionView:
    """The view once the work is done."""
    return await until(room, lambda view: view.state == "reviewing")


async def started(house: Keeper, **facts: str) -> LiveRoom:
    """A session with one iteration."""
    room = await begun(house, **facts)
    await room.act(start(), version=room.view.version, actor="ann")
    await reviewing(room)
    return room


def ended(pid: int, within: float = 10.0) -> bool:
    """Whether a process ends in time."""
    since = time.monotonic()
    while time.monotonic() - since < within:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def asked(**values: str) -> Request:
    """The request that `start` makes, for a search."""
    return quick(**values)
