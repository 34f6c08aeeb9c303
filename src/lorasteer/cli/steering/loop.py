"""A person at the keyboard: every key is a step of a session, done in a thread, while the screen stays alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live

from lorasteer.cli.keyboard import END, Keyboard
from lorasteer.cli.steering.keys import BUSY, KEYS, MOST, STEP, Key, edited, offered, table_of
from lorasteer.cli.steering.screen import Moment, screen
from lorasteer.cli.steering.search import Search
from lorasteer.cli.steering.view import View, view_of
from lorasteer.cli.steering.worker import Worker
from lorasteer.errors import LorasteerError, SessionError, UserError
from lorasteer.records import Event, Request
from lorasteer.session.rehearsal import step_of
from lorasteer.session.script import Player
from lorasteer.session.session import Session
from lorasteer.session.steps import AnyStep, Compare, Dial, Export, Seek
from lorasteer.tasks.training import Progress

TICK = 0.05
"""Seconds between two looks at the work; a key is answered at once."""
PATIENCE = 10.0
"""Seconds that leaving waits for work to end; what is not kept by then is found again as it was."""

FORGET_WHAT = Key("enter", "start", "start", "forget what", "forget=7 intensity=0.75, or where=\"person == 'Ann'\"")
"""What is asked where the command line names no target."""

Done = tuple[View, str]


class Steering:
    """What the keys have done so far, and what the screen shows of it.

    Args:
        session: The session.
        request: What the command line asks for; None where it names no target.
        folder: Where the folders of exports lie.
    """

    def __init__(self, session: Session, request: Request | None, folder: Path | None = None) -> None:
        self.session, self.search = session, Search()
        self.player = Player(session, request, folder or Path(), until=self.search.enough.is_set)
        self.work: Worker[Done] = Worker()
        self.view: View | None = None
        self.left = False
        self._doing, self._message, self._error = "", "", False
        self._progress: Progress | None = None
        self._asking: Key | None = None
        self._typed, self._helping, self._warned = "", False, False
        self._wanted: float | None = None
        self._turned: float | None = None  # where the dial stands; what is shown may lag behind it
        self._waiting: list[str] = []
        session.listeners.append(self._hear)
        self._begin("opening", lambda: (view_of(session), "? shows what the keys do."))

    def run(self, keys: Keyboard, console: Console) -> None:
        """Until the person leaves."""
        shown: object = None
        with keys, Live(self.drawn(console), console=console, screen=True, auto_refresh=False) as live:
            while not self.left:
                now = (self.view, self.moment, console.size)
                if now != shown:
                    live.update(self.drawn(console), refresh=True)
                    shown = now
                key = keys.read(TICK)
                if key:
                    self.press(key)
                self.look()
        self.leave()

    def drawn(self, console: Console) -> RenderableType:
        """The screen as it is now."""
        return screen(self.view, self.moment, console.width, console.height)

    @property
    def moment(self) -> Moment:
        """What changes while a view stands."""
        return Moment(
            state=self.state, offered=self.offered, doing=self._doing, progress=self._progress, message=self._message,
            error=self._error, asking=self._asking, typed=self._typed, helping=self._helping,
        )  # fmt: skip

    @property
    def state(self) -> str:
        """State of the session; while a goal is sought that of a training, also between two tries."""
        return "unlearning" if self.search.on else self.session.state

    @property
    def offered(self) -> tuple[Key, ...]:
        """Keys that do something now."""
        allowed = ("interrupt",) if self.search.on else self.session.allowed
        return offered(allowed, self.state, iterations=bool(self.session.iterations))

    def press(self, key: str) -> None:
        """Answer a key."""
        if key in ("ctrl-c", END):
            self._break(leave=key == END)
            return
        self._warned = False
        if self._has_to_wait(key):
            self._waiting.append(key)
        elif self._asking is not None:
            self._type(key)
        elif key in ("left", "right"):
            self._turn(STEP if key == "right" else -STEP)
        else:
            chosen = next((one for one in KEYS if one.key == key), None)
            if chosen is not None:
                self._choose(chosen)

    def _has_to_wait(self, key: str) -> bool:
        """Whether a key comes in the moment between two actions: it has its turn when the one before is shown."""
        turning = key in ("left", "right") and not self._waiting
        return self.work.busy and self.state not in BUSY and not turning and key != "?"

    def look(self) -> None:
        """Take the answer of work that is done, and begin what waits."""
        if not self.work.done():
            return
        self._doing, self._progress = "", None
        self.search.end()
        try:
            self.view, self._message = self.work.fetch()
            self._error = False
        except LorasteerError as error:
            self._refuse(str(error))
        if self._wanted is not None:
            self._dial()
        while self._waiting and not self.work.busy and not self.left:
            self.press(self._waiting.pop(0))

    def leave(self) -> None:
        """Wait for work to end; a training is interrupted, and what it has made is kept."""
        if self.state == "unlearning":
            self._interrupt()
        if self.work.done(PATIENCE):
            self.look()

    def _hear(self, message: Event | Progress) -> None:
        if isinstance(message, Progress):
            self._progress = message
            return
        self._progress = None
        if self.search.on:
            self._doing = self.search.heard(message, self.session.state)
        elif self.session.state != "reviewing":
            self._doing = self.session.state

    def _choose(self, key: Key) -> None:
        """Do what a key means, or ask what it needs to know."""
        if key.action == "help":
            self._helping = not self._helping
        elif key not in self.offered:
            self._refuse(f"cannot {key.label} now. Possible: {', '.join(one.label for one in self.offered)}.")
        elif key.action == "interrupt":
            self._interrupt()
        elif key.action == "leave":
            self.left = True
        elif key.action == "start" and self.player.request is None:
            self._asking, self._typed = FORGET_WHAT, ""
        elif key.prompt:
            self._asking, self._typed = key, ""
        elif key.action == "commit":
            self._do(key, {"action": "commit", "strength": self.view.strength if self.view else None})
        else:
            self._do(key, {"action": key.action})

    def _interrupt(self) -> None:
        self.search.enough.set()
        try:
            self.session.interrupt()
        except SessionError as error:  # it ended in this very moment, or a search is between two tries
            if not self.search.on:
                self._refuse(str(error))
                return
        self._message, self._error = "Stopping at the next step; what was learned is kept.", False

    def _type(self, key: str) -> None:
        asking = self._asking
        assert asking is not None
        if key == "escape" or (key == "enter" and not self._typed.strip()):
            self._asking = None
        elif key == "enter":
            self._asking = None
            try:
                self._do(asking, table_of(asking.action, self._typed))
            except UserError as error:
                self._refuse(str(error))
        else:
            self._typed = edited(self._typed, key)

    def _do(self, key: Key, table: dict[str, object]) -> None:
        try:
            step = step_of(table)
        except SessionError as error:
            self._refuse(str(error))
            return
        self._turned = None
        if isinstance(step, Seek):
            self.search.begin()
        self._begin(key.label, lambda: self._done(step))

    def _done(self, step: AnyStep) -> Done:
        """Do a step and gather what there is to see after it; runs in the thread that works."""
        if isinstance(step, Compare):
            view = view_of(self.session, feedback=self.session.compare(step.before, step.after))
            return view, f"{'base' if not step.before else f'iteration {step.before}'} beside iteration {step.after}."
        if isinstance(step, Dial):
            return view_of(self.session, strength=step.strength), ""
        told = self.player.do(step)
        if isinstance(step, Seek) and isinstance(told, tuple):
            return replace(view_of(self.session), words=told), f"{told[0].partition(':')[0]}."
        words = f"The adapter is {told[0]}" if isinstance(step, Export) and isinstance(told, tuple) else f"{step.action}: done."
        return view_of(self.session), words

    def _turn(self, by: float) -> None:
        """Turn the strength dial; the newest strength is looked at when the work has time for it."""
        try:
            if self.search.on:
                raise SessionError("cannot turn the strength now: a goal is sought. Possible: interrupt, help.")
            self.session.check("dial")
        except SessionError as error:
            self._refuse(str(error))
            return
        if self.view is None or self.view.strength is None:
            return
        now = self.view.strength if self._turned is None else self._turned
        self._wanted = self._turned = round(min(MOST, max(0.0, now + by)), 2)
        if not self.work.busy:
            self._dial()

    def _dial(self) -> None:
        wanted, self._wanted = self._wanted, None
        assert wanted is not None
        self._begin("", lambda: self._done(Dial(action="strength", strength=wanted)))

    def _begin(self, doing: str, job: Callable[[], Done]) -> None:
        self._doing, self._message, self._error, self._helping = doing, "", False, False
        self.work.begin(job)

    def _break(self, *, leave: bool) -> None:
        """Ctrl-C: the first one interrupts what is done, the second one leaves."""
        if leave or self._warned:
            self.left = True
            return
        self._warned, self._asking = True, None
        if self.state == "unlearning":
            self._interrupt()
        else:
            self._message, self._error = "Ctrl-C again leaves; nothing is lost.", False

    def _refuse(self, line: str) -> None:
        self._message, self._error = line, True
