"""One open session as the server knows it: the newest of everything, whoever listens, and decisions that are not made twice."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from lorasteer.errors import SessionError
from lorasteer.records import Request
from lorasteer.session import Budget, Goal
from lorasteer.session.steps import AnyStep
from lorasteer.web import views
from lorasteer.web.engine.hearing import Listeners
from lorasteer.web.engine.link import Link
from lorasteer.web.engine.messages import Crashed
from lorasteer.web.house import News

KEYS = 256
"""How many decisions are remembered, to give the same answer again."""


class LiveRoom:
    """A room of the house.

    Args:
        view: How it stands.
        link: Gives the process that works; another one after a crash.
        again: Begins the work again after its process died.
    """

    def __init__(self, view: views.SessionView, link: Callable[[], Link], again: Callable[[], Awaitable[None]]) -> None:
        self._view, self._link, self._again = view, link, again
        self._progress: views.Progress | None = None
        self._points: views.MapPoints | None = None
        self._frame: views.MapFrame | None = None
        self._crash: views.Crash | None = None
        self._listeners = Listeners()
        self._keys: OrderedDict[str, tuple[object, asyncio.Future[Any]]] = OrderedDict()
        self._dial: asyncio.Future[Any] | None = None

    @property
    def id(self) -> str:
        """Id of the run."""
        return self._view.id

    @property
    def view(self) -> views.SessionView:
        """The session as it stands; the newest that is known."""
        return self._view

    @property
    def progress(self) -> views.Progress | None:
        """The newest of a training in progress; None while nothing is trained."""
        return self._progress

    @property
    def points(self) -> views.MapPoints | None:
        """The points of the map; None before the first picture."""
        return self._points

    @property
    def frame(self) -> views.MapFrame | None:
        """The newest picture of the map."""
        return self._frame

    def take(self, told: News) -> None:
        """Take in news from the process, and tell everyone who listens."""
        match told:
            case views.SessionView():
                self._view, self._crash = told, None
                if told.state != "unlearning":
                    self._progress = None
            case views.Progress():
                if self._view.state != "unlearning":
                    return  # came late
                self._progress = told
            case views.MapPoints():
                self._points = told
            case views.MapFrame():
                self._frame = told
            case views.Crash():
                self._crash, self._progress = told, None
        self._listeners.tell(told)

    def wait(self, words: str) -> None:
        """It waits for something, or no longer."""
        if words != self._view.waiting:
            self.take(self._view.model_copy(update={"waiting": words}))

    def crash(self, crash: views.Crash) -> None:
        """The process has died; nothing is possible until it is begun again."""
        self.take(self._view.model_copy(update={"allowed": (), "waiting": ""}))
        self.take(crash)

    def listen(self) -> AsyncIterator[News]:
        """News from now on, beginning with how things stand; of each kind only the newest waits for a slow listener."""
        now = (self._view, self._progress, self._points, self._frame, self._crash)
        return self._listeners.join([told for told in now if told is not None])

    async def act(self, step: AnyStep, *, version: int, actor: str, key: str = "") -> views.SessionView:
        """Take a decision. Training goes on after this returns: the view then says `unlearning`."""
        return await self._once(key, (step, version), "act", step=step, version=version, actor=actor)

    async def seek(
        self, request: Request, goal: Goal, *, seconds: float, tries: int, version: int, actor: str
    ) -> views.SessionView:
        """Search for a plan that reaches a goal; each try is an iteration. `interrupt` ends the search."""
        budget = Budget(tries=tries, seconds=seconds)
        return await self._once("", None, "seek", request=request, goal=goal, budget=budget, version=version, actor=actor)

    async def _once(self, key: str, decision: object, what: str, **facts: Any) -> views.SessionView:
        """A decision goes on when whoever made it is gone, and the same key gives the same answer."""
        known = self._keys.get(key) if key else None
        if known is not None and known[0] != decision:
            raise SessionError(f"key {key!r} was given to another decision; give a new one with each.")
        answer = known[1] if known is not None else self._ask(what, **facts)
        if key and known is None:
            self._keys[key] = decision, answer
            answer.add_done_callback(lambda done: self._forget(key, done))
            while len(self._keys) > KEYS:
                self._keys.popitem(last=False)
        view: views.SessionView = await asyncio.shield(answer)
        return self._view if self._view.version >= view.version else view

    def _forget(self, key: str, done: asyncio.Future[Any]) -> None:
        """Whether a decision was taken that a crash left unanswered is not known, so it may be asked again."""
        if done.cancelled() or isinstance(done.exception(), Crashed):
            self._keys.pop(key, None)

    async def interrupt(self, *, actor: str) -> views.SessionView:
        """Stop the training and keep what it has made."""
        view: views.SessionView = await self._link().interrupt(self.id, actor)
        return view

    async def dial(self, strength: float) -> views.Findings:
        """The head at another strength, not kept. Of several calls that wait, only the last is answered; others are cancelled."""
        if self._dial is not None and not self._dial.done():
            self._dial.cancel()
        self._dial = answer = self._ask("dial", strength=strength)
        found: views.Findings = await answer
        return found

    async def findings(self, number: int, before: int | None = None) -> views.Findings:
        """What is measured of an iteration, compared with its parent or another one."""
        found: views.Findings = await self._ask("findings", number=number, before=before)
        return found

    async def preview(self, step: AnyStep) -> views.Preview:
        """What a request would select and be translated into."""
        preview: views.Preview = await self._ask("preview", step=step)
        return preview

    async def example(self, index: int) -> views.ExampleView:
        """One training example, with answers."""
        example: views.ExampleView = await self._ask("example", index=index)
        return example

    async def image(self, index: int, part: Literal["train", "test"] = "train") -> bytes:
        """The picture of an example as PNG."""
        image: bytes = await self._ask("picture", index=index, part=part)
        return image

    async def find(self, text: str, limit: int = 60) -> Sequence[views.ExampleView]:
        """Training examples whose class, id or attributes match typed words."""
        found: Sequence[views.ExampleView] = await self._ask("find", text=text, limit=limit)
        return found

    async def picture(self, number: int) -> Sequence[views.MapFrame]:
        """The pictures that were kept of an iteration's way, the settled one last, for the scrubber."""
        frames: Sequence[views.MapFrame] = await self._ask("pictures", number=number)
        return frames

    async def export(self, number: int, kind: Literal["adapter", "merged", "report"]) -> tuple[views.Export, Path]:
        """Write something to take away as one file."""
        made: tuple[views.Export, Path] = await self._ask("export", number=number, kind=kind)
        return made

    async def restart(self) -> views.SessionView:
        """Begin the work again after its process died."""
        await self._again()
        return self._view

    def _ask(self, what: str, **facts: Any) -> asyncio.Future[Any]:
        return self._link().ask(self.id, what, **facts)
