"""A house of paper: it keeps the contract in memory and trains nothing, so that pages can be looked at in a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from lorasteer.errors import SessionError, StoreError
from lorasteer.records import Plan, Request
from lorasteer.session.goal import Goal
from lorasteer.session.steps import AnyStep, Asking, Continue, Go, Stop, Undo
from lorasteer.web import views
from lorasteer.web.house import News, Room, Stale
from tests.web.looks import records


class PaperRoom:
    """One session of the paper house."""

    def __init__(self, view: views.SessionView, *, mapped: bool = True) -> None:
        self.view, self.mapped = view, mapped
        self.progress: views.Progress | None = None
        self.done: list[AnyStep] = []
        self._keys: dict[str, views.SessionView] = {}
        self._folder = Path(mkdtemp())

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def points(self) -> views.MapPoints | None:
        return records.points() if self.mapped else None

    @property
    def frame(self) -> views.MapFrame | None:
        return records.picture(self.view.head) if self.mapped else None

    async def listen(self) -> AsyncIterator[News]:
        yield self.view

    async def act(self, step: AnyStep, *, version: int, actor: str, key: str = "") -> views.SessionView:
        if key in self._keys:
            return self._keys[key]
        if version != self.view.version:
            raise Stale(views.Deed(actor="Ada", action="undo", time="10:00"), self.view.version, version)
        made, head = self._after(step)
        state = "closed" if isinstance(step, Stop) else "reviewing"
        self.done.append(step)
        self.view = records.session(self.id, self.view.name, made=made, head=head, version=version + 1, state=state)
        if key:
            self._keys[key] = self.view
        return self.view

    def _after(self, step: AnyStep) -> tuple[int, int]:
        made = len(self.view.nodes) - 1
        if isinstance(step, Go) and step.number <= made:
            return made, step.number
        if isinstance(step, Undo) and self.view.head:
            return made, self.view.head - 1
        if isinstance(step, Asking | Continue) and made < 3:
            return made + 1, made + 1
        if isinstance(step, Stop):
            return made, self.view.head
        raise SessionError(f"cannot {step.action} now. Possible now: {', '.join(self.view.allowed)}.")

    async def seek(
        self, request: Request, goal: Goal, *, seconds: float, tries: int, version: int, actor: str
    ) -> views.SessionView:
        raise SessionError("cannot seek in a house of paper.")

    async def interrupt(self, *, actor: str) -> views.SessionView:
        return self.view

    async def dial(self, strength: float) -> views.Findings:
        return records.findings(self.view.head, strength=strength)

    async def findings(self, number: int, before: int | None = None) -> views.Findings:
        return records.findings(number, before)

    async def preview(self, step: AnyStep) -> views.Preview:
        return views.Preview(wording="class 7", forget=144, plan=Plan(method="lora-ihl", splits="s" * 64), promised=0.1)

    async def example(self, index: int) -> views.ExampleView:
        return views.ExampleView(index=index, id=str(index), label=records.DIGITS[index % 10])

    async def image(self, index: int, part: Literal["train", "test"] = "train") -> bytes:
        return b""

    async def find(self, text: str, limit: int = 60) -> Sequence[views.ExampleView]:
        return [await self.example(place) for place in range(min(limit, 3))]

    async def picture(self, number: int) -> Sequence[views.MapFrame]:
        return [records.picture(number)] if self.mapped else []

    async def export(self, number: int, kind: Literal["adapter", "merged", "report"]) -> tuple[views.Export, Path]:
        path = self._folder / f"{self.id}-{number}-{kind}.zip"
        path.write_bytes(b"x" * 12_345)
        return views.Export(file=path.name, bytes=12_345, words=f"The {kind} of iteration {number}."), path

    async def restart(self) -> views.SessionView:
        return self.view


class PaperHouse:
    """Everything, in memory.

    Args:
        rooms: Sessions that are there at first.
        slow: Seconds that it takes to begin a session.
    """

    def __init__(self, *rooms: PaperRoom, slow: float = 0.0) -> None:
        self.rooms = {room.id: room for room in rooms}
        self.slow, self.aside, self.making = slow, set[str](), 0.0
        self.bases: tuple[views.BaseView, ...] = (records.BASE, records.OTHER)
        self.begun: list[tuple[str, str, str]] = []

    async def library(self) -> views.LibraryView:
        kept = [room for run, room in self.rooms.items() if run not in self.aside]
        dates = [f"2026-11-{20 - place:02}T10:00:00Z" for place in range(len(kept))]
        runs = tuple(records.run(room.view, date) for room, date in zip(kept, dates, strict=True))
        first = self.bases[0].model_copy(update={"making": self.making or None})
        return views.LibraryView(bases=(first, *self.bases[1:]), runs=runs)

    async def begin(self, base: str, *, name: str, actor: str) -> Room:
        for part in range(int(10 * self.slow)):
            self.making = part / (10 * self.slow)
            await asyncio.sleep(0.1)
        self.making = 0.0
        self.begun.append((base, name, actor))
        room = PaperRoom(records.session(f"new{len(self.begun)}", name, made=0, head=0))
        self.rooms[room.id] = room
        return room

    async def room(self, run: str) -> Room:
        if run not in self.rooms:
            raise StoreError(f"there is no run {run!r}; the library shows which there are.")
        return self.rooms[run]

    async def remove(self, run: str, *, actor: str) -> None:
        self.aside.add(run)

    async def restore(self, run: str) -> None:
        self.aside.discard(run)

    async def adopt(self, folder: Path, name: str) -> views.BaseView:
        new = records.BASE.model_copy(update={"id": f"own{len(self.bases)}", "name": name, "ready": True})
        self.bases += (new,)
        return new

    async def close(self) -> None:
        self.rooms.clear()


def filled(count: int = 3) -> PaperHouse:
    """A house with sessions in several states, one of them with a hostile name."""
    first = PaperRoom(records.session("r1", "No sevens"))
    idle = PaperRoom(
        records.session("r2", "<img src=x onerror=alert(1)> a session with a name that is much too long", made=0, head=0)
    )
    busy = PaperRoom(records.session("r3", "", made=1, head=1, state="unlearning"), mapped=False)
    closed = [
        PaperRoom(records.session(f"r{place}", f"Try {place}", made=2, head=2, state="closed")) for place in range(4, count + 1)
    ]
    return PaperHouse(*[first, idle, busy, *closed][:count])
