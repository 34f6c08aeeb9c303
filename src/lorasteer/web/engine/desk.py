"""One open session inside the process that works: takes decisions, and tells how it stands after each event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lorasteer.errors import RequestError, SessionError
from lorasteer.records import Event, Request
from lorasteer.session import Budget, Goal, Session
from lorasteer.session.history import BASE
from lorasteer.session.script import Player
from lorasteer.session.states import BUSY, BY_THE_WORK
from lorasteer.session.steps import UNLOGGED, AnyStep, Naming, Seek
from lorasteer.tasks.training import Progress
from lorasteer.web import views
from lorasteer.web.engine.chart import Chart
from lorasteer.web.engine.findings import dialled, findings_of
from lorasteer.web.engine.seeing import data_view, deed_of, session_view
from lorasteer.web.engine.watching import Watch
from lorasteer.web.house import Stale

Tell = Callable[[views.SessionView | views.Progress | views.MapPoints | views.MapFrame], None]
Begun = Callable[[views.SessionView], None]
HELD = 64
"""Findings that are kept at hand."""
_BROKE_OFF = "the work broke off when its process ended; what was finished before is all there."


class Desk:
    """A session with what is known of it outside.

    Args:
        session: The session.
        base: Its base, as it is shown.
        name: What a person calls it.
        tell: Told how the session stands, after each event, and of training steps now and then.
        chart: Its map.
        free: Whether the head may be measured at once; else `refresh` shows its findings later.
    """

    def __init__(self, session: Session, base: views.BaseView, name: str, tell: Tell, chart: Chart, *, free: bool = True) -> None:
        self.session, self.base, self.name, self._tell = session, base, name, tell
        self.player = Player(session, None, Path())
        self.data = data_view(session.bench.data)
        self.last: Event = session.store.events(session.id)[-1]
        self._decided = self.last
        self.error = _BROKE_OFF if self.last.action == "recovered" else ""
        self.found: tuple[str, ...] = ()
        self.searching = self.giving_up = False
        self._begun: Begun = _nobody
        self._findings: dict[tuple[int, int | None], views.Findings] = {}
        self.chart = chart
        self._watch = Watch(session, chart, tell)
        session.listeners.append(self._heard)
        self.view = self._look(free=free)

    def check(self, action: str, version: int) -> None:
        """Refuse a decision that is outdated or not possible now; costs nothing and may be asked from any thread.

        Raises:
            Stale: It is based on another version.
            SessionError: It is not the time for it.
        """
        if version != self.last.seq:
            by_whom = self._decided if self._decided.seq > version else self.last
            raise Stale(deed_of(by_whom), self.last.seq, version)
        self.session.check(action)

    def refuse(self, facts: Mapping[str, Any]) -> None:
        """Refuse a decision by what it is called with, before it waits for its turn. Raises as `check` and `check_step` do."""
        if "step" in facts:
            check_step(facts["step"])
        self.check(facts["step"].action if "step" in facts else "goal", facts["version"])

    def act(self, step: AnyStep, *, version: int, actor: str, begun: Begun) -> views.SessionView:
        """Take a decision and carry it out.

        Args:
            step: What to do.
            version: What it is based on.
            actor: Who does it.
            begun: Told when a training has begun, which this call waits for.
        """
        check_step(step)
        if isinstance(step, Seek):
            request, budget = step.request(self.player.asked()), Budget(tries=step.tries, seconds=step.seconds)
            return self.search(
                request,
                step.goal(self.session.bench.usual_goal),
                budget,
                version=version,
                actor=actor,
                begun=begun,
                layers=step.layers,
                why=step.why,
            )
        self.check(step.action, version)
        with _Doing(self, actor, begun):
            self.player.do(step)
        return self.view

    def search(
        self, request: Request, goal: Goal, budget: Budget, *, version: int, actor: str, begun: Begun,
        layers: Sequence[tuple[str, ...]] = (), why: str = "",
    ) -> views.SessionView:  # fmt: skip
        """Search for a plan that reaches a goal."""
        check_file(request.target.ids_file)
        self.check("goal", version)
        self.found, self.searching, self.giving_up = (), True, False
        try:
            with _Doing(self, actor, begun):
                found = self.session.seek(request, goal, budget=budget, layers=layers, until=lambda: self.giving_up, why=why)
                self.found = found.words
        finally:
            self.searching = False
            self.refresh()
        return self.view

    def interrupt(self, actor: str) -> views.SessionView:
        """Stop the training and keep what it has made; may be called from any thread.

        Raises:
            SessionError: Nothing is being trained.
        """
        if self.searching:
            self.giving_up = True
        with self.session.guard:
            if not self.searching or self.session.state == "unlearning":
                self.session.interrupt()
            self.session.actor = actor
        return self.view

    def dial(self, strength: float) -> views.Findings:
        """The head at another strength; a commit without a strength keeps the one that was looked at last."""
        found = dialled(self.session, strength)
        self.player.dialled = strength
        return found

    def findings(self, number: int, before: int | None = None) -> views.Findings:
        """What is measured of an iteration; once made it is kept at hand."""
        key = (number, before)
        if number == BASE or key not in self._findings:
            self._findings.pop(key, None)
            self._findings[key] = findings_of(self.session, number, before)
            while len(self._findings) > HELD:
                self._findings.pop(next(iter(self._findings)))
        return self._findings[key]

    def held(self, number: int, before: int | None = None) -> views.Findings | None:
        """Findings that are at hand, or None."""
        return None if number == BASE else self._findings.get((number, before))

    def draw(self) -> None:
        """Show what was left for later: findings of the head, and its map. Raises `Interrupted` as `Chart.draw` does."""
        if self.session.iterations and self.view.findings is None:
            self.refresh()
        self.chart.draw()

    def refresh(self) -> None:
        """Tell how the session stands."""
        self.view = self._look()
        self._tell(self.view)

    def _heard(self, told: Event | Progress) -> None:
        # a listener that raises is told no more, and a view that cannot be made must not cost the ones after it
        try:
            if isinstance(told, Progress):
                self._watch.step(told)
                return
            self._note(told)
            self.refresh()
            if self.session.state == "unlearning":
                self._begun(self.view)
                self._watch.begin()
        except Exception:
            logging.getLogger(__name__).exception("the session could not be shown")

    def _note(self, event: Event) -> None:
        self.last = event
        if event.action == "failed":
            self.error = str(event.detail.get("error", ""))
        elif event.action not in BY_THE_WORK:
            self.error, self._decided = "", event

    def _look(self, *, free: bool = True) -> views.SessionView:
        return session_view(
            self.session, name=self.name, base=self.base, data=self.data, last=self.last,
            findings=self._of_head() if free else None, error=self.error, found=self.found,
        )  # fmt: skip

    def _of_head(self) -> views.Findings | None:
        if not self.session.iterations:
            return None
        if self.session.state in BUSY and self.view.findings is not None and self.view.head == self.session.head:
            return self.view.findings  # the model is at work; its head is what it was
        return self.findings(self.session.head)


class _Doing:
    """While something is done: who does it, and who waits for it to begin. Afterwards the session is shown as it stands."""

    def __init__(self, desk: Desk, actor: str, begun: Begun) -> None:
        self._desk, self._actor, self._notify = desk, actor, begun

    def __enter__(self) -> None:
        self._desk.session.actor = self._actor
        self._desk._begun = self._notify

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        desk = self._desk
        desk._begun = _nobody
        if error is not None and desk.view.state in BUSY and not desk.error:
            desk.error = str(error)  # what broke off could not be kept in the log either
        desk.refresh()


def _nobody(view: views.SessionView) -> None:
    """Nobody waits."""


def check_step(step: AnyStep) -> None:
    """Refuse what is not a decision, and what would read files of the server.

    Raises:
        SessionError: It is a call of its own.
        RequestError: It names a file.
    """
    if step.action in UNLOGGED:
        raise SessionError(f"{step.action!r} decides nothing, so it is no step here; ask for it by its own call.")
    if isinstance(step, Naming):
        check_file(step.ids_file)


def check_file(path: str | None) -> None:
    """Refuse to read a file of the server for somebody outside; its lines would be told in the refusal.

    Raises:
        RequestError: A file is named.
    """
    if path is not None:
        raise RequestError("ids_file names a file of the server, which is not read from here; give the ids themselves.")
