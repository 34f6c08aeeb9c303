"""The house: its library, its rooms and the process that works for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from lorasteer.errors import StoreError
from lorasteer.session.opening import check_images
from lorasteer.session.shown import accuracies_of
from lorasteer.store import RunStore, runs_home
from lorasteer.store.reading import Found
from lorasteer.web import views
from lorasteer.web.engine import exporting
from lorasteer.web.engine.link import Link
from lorasteer.web.engine.messages import Made, News, Told, Waiting
from lorasteer.web.engine.room import LiveRoom
from lorasteer.web.engine.workplace import Place


class Keeper:
    """Keeps the house. All of it is used from one event loop.

    Args:
        place: Where everything lies.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._link: Link | None = None
        self._rooms: dict[str, LiveRoom] = {}
        self._making: dict[str, float] = {}
        self._accuracy: dict[str, float] = {}
        self._aside: dict[str, str] = {}
        self._opening = asyncio.Lock()

    def _linked(self) -> Link:
        """The process that works, started when it is first needed."""
        if self._link is None:
            self._link = Link(self._place, self._heard, self._ended)
        return self._link

    @property
    def pid(self) -> int:
        """Number of the process that works among those of this machine."""
        assert self._link is not None
        assert self._link.process.pid is not None
        return self._link.process.pid

    async def library(self) -> views.LibraryView:
        """Bases and sessions."""
        self._linked()  # it loads its libraries while a person reads
        bases, runs = await asyncio.to_thread(self._listed)
        return views.LibraryView(bases=tuple(map(self._known, bases)), runs=runs)

    def _listed(self) -> tuple[list[views.BaseView], tuple[views.RunView, ...]]:
        bases = list(self._place.shelf.bases())
        names = {base.digest: base.name for base in bases}
        found = RunStore(self._place.store).list()
        return bases, tuple(self._run(each, names) for each in found if each.id not in self._aside)

    def _known(self, base: views.BaseView) -> views.BaseView:
        accuracy = self._accuracy.get(base.digest)
        return base.model_copy(update={"accuracy": accuracy, "making": self._making.get(base.id)})

    def _run(self, found: Found, names: dict[str, str]) -> views.RunView:
        record, head = found.record, found.head
        if record is None:
            return views.RunView(id=found.id, name="", created="", state="damaged", base="", data="", target=found.damage)
        forgotten, retained = accuracies_of(head.evaluations[-1]) if head else (None, None)
        return views.RunView(
            id=found.id, name=record.name, created=record.created, state=record.state,
            base=names.get(record.base, Path(record.base_folder).name or record.base[:12]), data=record.data,
            target=head.wording if head else "", iterations=found.iterations, forgotten=forgotten, retained=retained,
            here=found.id in self._rooms,
        )  # fmt: skip

    async def begin(self, base: str, *, name: str, actor: str) -> LiveRoom:
        """A new session on a base of the library; one that is not ready is trained first."""
        async with self._opening:
            await self._work_again()
            view = await self._linked().ask("", "begin", base=base, name=name, actor=actor)
            return self._room(view)

    async def room(self, run: str) -> LiveRoom:
        """An open session, opened when it is not; any number of browsers share it."""
        if run in self._aside:
            raise StoreError(f"session {run} was put aside by {self._aside[run]}; restore it first.")
        if run in self._rooms:
            return self._rooms[run]
        async with self._opening:
            if run not in self._rooms:
                await self._work_again()
                view = await self._linked().ask(run, "open")
                run = self._room(view).id
            return self._rooms[run]

    def _room(self, view: views.SessionView) -> LiveRoom:
        if view.base.accuracy is not None:
            self._accuracy[view.base.digest] = view.base.accuracy
        if view.id not in self._rooms:
            self._rooms[view.id] = LiveRoom(view, self._linked, self._again)
        else:
            self._rooms[view.id].take(view)
        return self._rooms[view.id]

    async def _again(self) -> None:
        async with self._opening:
            await self._work_again()

    async def _work_again(self) -> None:
        """Where the process has died, start another and open there what was open."""
        if self._linked().alive:
            return
        self._link = Link(self._place, self._heard, self._ended)
        for run in self._rooms:
            self._room(await self._link.ask(run, "open"))

    def _heard(self, told: Told) -> None:
        match told:
            case Made(base, share):
                self._making.pop(base, None) if share is None else self._making.update({base: share})
            case News(run, news) if run in self._rooms:
                self._rooms[run].take(news)
            case Waiting(run, words) if run in self._rooms:
                self._rooms[run].wait(words)

    def _ended(self, exitcode: int | None) -> None:
        self._making.clear()
        how = f"by signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"with exit code {exitcode}"
        words = f"the process that works has ended {how}. Everything up to the last finished iteration is kept; begin it again."
        for room in self._rooms.values():
            room.crash(views.Crash(words=words, exitcode=exitcode))

    async def remove(self, run: str, *, actor: str) -> None:
        """Put a session aside; `restore` brings it back until the workbench is closed."""
        found = await asyncio.to_thread(RunStore(self._place.store).find, run)
        self._aside[found.id] = actor

    async def restore(self, run: str) -> None:
        """Bring a session back that was put aside."""
        if run not in self._aside:
            raise StoreError(f"session {run!r} was not put aside, so there is nothing to restore.")
        del self._aside[run]

    async def adopt(self, folder: Path, name: str) -> views.BaseView:
        """Take a base that was uploaded into the library."""
        return await asyncio.to_thread(self._place.shelf.adopt, folder, name)

    async def close(self) -> None:
        """End every process; what was put aside is removed, and what was exported."""
        if self._link is not None:
            await self._link.close()
        await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        store = RunStore(self._place.store)
        for run in self._aside:
            store.remove(run)
        self._aside.clear()
        exporting.clean(self._place.store)


def open_house(
    store: Path | None = None, bases: Sequence[Path] = (), cache: Path | None = None, data: str | None = None
) -> Keeper:
    """Open a house. Its process is started by the first call.

    Args:
        store: Folder of the store; the user's own when left out.
        bases: Folders of bases to offer, beside that on digits.
        cache: Folder for activations and retrained models; the user's own when left out.
        data: Where the data of these bases lies; as each recorded it when left out.

    Raises:
        SessionError: One of the bases is no image classifier.
    """
    for folder in bases:
        with contextlib.suppress(StoreError):  # what is no base, or a damaged one, is left out of the library
            check_images(folder, "the browser")
    return Keeper(Place(store or runs_home(), tuple(bases), cache, data))
