"""What one page holds: the room it looks into, the draft of the next request, and who on the page is told of what."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nicegui import background_tasks

from lorasteer.errors import LorasteerError
from lorasteer.session.goal import Goal
from lorasteer.session.steps import AnyStep, Go
from lorasteer.web.house import Room, Stale
from lorasteer.web.parts.draft import Draft
from lorasteer.web.parts.news import Busy, Elsewhere, Looking, Marked, Moved, Overtaken, Planned, Problem, Selected
from lorasteer.web.views import Findings, Node, Preview, SessionView

T = TypeVar("T")
_log = logging.getLogger(__name__)

PAUSE = 0.25
"""Seconds without a change of the draft before its plan is asked for."""
KEPT = 500
"""Drafts that are remembered, so that a page that is loaded anew has lost nothing."""
_DRAFTS: dict[tuple[str, str], Draft] = {}  # by session and actor, the one that was changed last at the end


def _keep(run: str, actor: str, draft: Draft) -> None:
    _DRAFTS.pop((run, actor), None)
    _DRAFTS[run, actor] = draft
    while len(_DRAFTS) > KEPT:
        del _DRAFTS[next(iter(_DRAFTS))]


class Desk:
    """One browser's place at a session. Every part of the page gets it, and says what it wants to hear by `on`.

    Args:
        room: The session.
        actor: Says who decides here, for the log; a person may change their name while the page is open.

    Attributes:
        view: The session as this page shows it; decisions are based on its version.
        draft: The next request.
        looking: What is looked at in place of the head.
        selected: What is selected on the map.
        why: The reason that goes into the log with the next decision.
    """

    def __init__(self, room: Room, actor: Callable[[], str]) -> None:
        self.room, self.actor = room, actor
        self.view: SessionView = room.view
        self.draft = _DRAFTS.get((room.id, actor())) or Draft.of(self._request())
        self.looking: Looking = Looking(None)
        self.selected = Selected((), ())
        self.marked = Marked(())
        self.preview: Preview | None = None
        self.why = ""
        self._hearers: dict[type, list[Callable[[Any], None]]] = defaultdict(list)
        self._page = uuid.uuid4().hex
        self._presses = 0
        self._acting = False
        self._asked = 0

    def _request(self) -> Any:
        made = [node for node in self.view.nodes if node.request]
        head = self.head_node
        return head.request if head and head.request else made[-1].request if made else None

    @property
    def head_node(self) -> Node | None:
        """The iteration in force."""
        return self.node(self.view.head)

    def node(self, number: int) -> Node | None:
        """An iteration of the tree; None where there is none of that number."""
        return next((node for node in self.view.nodes if node.number == number), None)

    @property
    def shown(self) -> Findings | None:
        """What the numbers show: what is looked at, else the head."""
        return self.looking.findings or self.view.findings

    @property
    def busy(self) -> bool:
        """Whether a decision of this page is on its way."""
        return self._acting

    # Hearing -----------------------------------------------------------------------------------------------------------------

    def on(self, kind: type[T], hear: Callable[[T], None]) -> None:
        """Call this with every piece of news of a kind."""
        self._hearers[kind].append(hear)

    def tell(self, news: object) -> None:
        """Tell the parts of the page; one that fails does not keep the others from hearing."""
        for hear in self._hearers[type(news)]:
            try:
                hear(news)
            except Exception:
                _log.exception("a part of the page could not draw %s", type(news).__name__)

    async def follow(self) -> None:
        """Hear the room's news until cancelled."""
        async for news in self.room.listen():
            if isinstance(news, SessionView):
                self.take(news)
            else:
                self.tell(news)

    def take(self, view: SessionView) -> None:
        """Show a session as it stands now; an older view than the shown one is dropped."""
        if view.version < self.view.version:
            return
        before, self.view = self.view, view
        if view.version > before.version:
            self.looking = Looking(None)
            if not self._acting and view.last and view.last.action not in ("finished", "failed", "recovered"):
                self.tell(Elsewhere(view.last))
        self.tell(view)

    # Draft -------------------------------------------------------------------------------------------------------------------

    def change(self, **facts: object) -> None:
        """Change the draft, tell the parts, and soon ask what it would do."""
        draft = self.draft.with_(**facts)
        if draft != self.draft:
            self.put(draft)

    def put(self, draft: Draft) -> None:
        """Let this be the draft."""
        self.draft = draft
        _keep(self.room.id, self.actor(), draft)
        self.tell(draft)
        self.plan_soon()

    def plan_soon(self) -> None:
        """Ask what the draft would do once it has rested; a newer question takes the place of an older one."""
        self._asked += 1
        background_tasks.create(self._plan(self._asked), name="plan of the draft")

    async def _plan(self, asked: int) -> None:
        await asyncio.sleep(PAUSE)
        if asked != self._asked or self.view.state in ("unlearning", "evaluating", "closed"):
            return
        found, problem = None, ""
        if self.draft.complete:
            try:
                found = await self.room.preview(self.draft.step("adjust" if self.view.head else "start"))
            except LorasteerError as error:
                problem = str(error)
        if asked == self._asked:
            self.preview = found
            self.tell(Planned(found))
            self.tell(Problem("request", problem))

    # Looking -----------------------------------------------------------------------------------------------------------------

    def look(self, findings: Findings | None, words: str = "") -> None:
        """Let the numbers show something in place of the head; None shows the head again."""
        self.looking = Looking(findings, words)
        self.tell(self.looking)

    def select(self, index: tuple[int, ...], ids: tuple[str, ...]) -> None:
        """Training examples that are selected on the map."""
        self.selected = Selected(index, ids)
        self.tell(self.selected)

    def mark(self, number: int) -> None:
        """Mark an iteration to be compared, or take its mark away; a third one takes the place of the first."""
        kept = tuple(one for one in self.marked.numbers if one != number)
        self.marked = Marked(kept if number in self.marked.numbers else (*kept, number)[-2:])
        self.tell(self.marked)

    # Deciding ----------------------------------------------------------------------------------------------------------------

    async def act(self, step: AnyStep) -> bool:
        """Take a decision on what this page shows; whether it was taken. A second press while one is on its way does nothing."""
        back, said = self.view.head, step.model_copy(update={"why": self.why})
        taken = await self._decide(
            lambda: self.room.act(said, version=self.view.version, actor=self.actor(), key=f"{self._page}:{self._presses}")
        )
        if taken:
            self.why = ""
            if step.action in ("go", "undo"):
                self.tell(Moved(step.action, back))
        return taken

    async def seek(self, goal: Goal, *, seconds: float, tries: int) -> bool:
        """Search for a plan that reaches a goal, for the target of the draft."""
        try:
            request = self.draft.request()
        except LorasteerError as error:
            self.tell(Problem("decision", str(error)))
            return False
        version = self.view.version
        return await self._decide(
            lambda: self.room.seek(request, goal, seconds=seconds, tries=tries, version=version, actor=self.actor())
        )

    async def interrupt(self) -> bool:
        """Stop the training and keep what it has made."""
        return await self._decide(lambda: self.room.interrupt(actor=self.actor()))

    async def go(self, number: int) -> bool:
        """Move the head to an iteration."""
        return await self.act(Go(action="go", number=number))

    async def _decide(self, decision: Callable[[], Awaitable[SessionView]]) -> bool:
        if self._acting:
            return False
        self._acting = True
        self.tell(Busy(True))
        self.tell(Problem("decision", ""))
        try:
            self.take(await decision())
        except Stale as stale:
            self.tell(Overtaken(stale))
        except LorasteerError as error:
            self.tell(Problem("decision", str(error)))
        else:
            return True
        finally:
            self._presses += 1
            self._acting = False
            self.tell(Busy(False))
        return False

    def caught_up(self) -> None:
        """The person has looked at what others did; decisions are based on it from now on."""
        self.take(self.room.view)
        self.tell(Overtaken(None))
