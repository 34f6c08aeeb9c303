"""A house whose rooms are sessions in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lorasteer.errors import StoreError
from lorasteer.web import views
from tests.web.pages.facts import BASE
from tests.web.pages.room import MemoryRoom


@dataclass
class MemoryHouse:
    """A house with rooms in memory."""

    rooms: dict[str, MemoryRoom] = field(default_factory=lambda: {"run1": MemoryRoom()})

    async def library(self) -> views.LibraryView:
        return views.LibraryView(bases=(BASE,), runs=())

    async def begin(self, base: str, *, name: str, actor: str) -> MemoryRoom:
        room = MemoryRoom(id=f"run{len(self.rooms) + 1}", name=name)
        self.rooms[room.id] = room
        return room

    async def room(self, run: str) -> MemoryRoom:
        if run not in self.rooms:
            raise StoreError(f"there is no session {run!r}; open one from the library.")
        return self.rooms[run]

    async def remove(self, run: str, *, actor: str) -> None:
        del self.rooms[run]

    async def restore(self, run: str) -> None:
        self.rooms[run] = MemoryRoom(id=run)

    async def adopt(self, folder: Path, name: str) -> views.BaseView:
        return BASE

    async def close(self) -> None:
        self.rooms.clear()
