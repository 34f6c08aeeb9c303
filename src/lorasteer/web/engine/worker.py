"""The process that works: commands are read at once, and carried out one at a time by a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from lorasteer.errors import LorasteerError, SessionError
from lorasteer.session.steps import Asking
from lorasteer.web.engine.messages import Answer, Call, Close, Interrupt, Waiting, whole
from lorasteer.web.engine.outbox import Outbox

if TYPE_CHECKING:
    from lorasteer.web.engine.workplace import Place, Workplace

QUICK = frozenset({"picture", "pictures", "known", "find"})
"""Work that touches no model, so that it need not wait for a training."""
OPENING = frozenset({"begin", "open"})
"""Work that needs a model only where its base was not opened before."""
TRAINING = frozenset({"act", "seek"})
"""Work that is answered as soon as a training has begun."""


def serve(pipe: Connection, place: Place) -> None:
    """Work for the other end of the pipe until it is gone. The entry of the process.

    Args:
        pipe: To the server.
        place: Where everything lies.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the pipe
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    from lorasteer.web.engine.workplace import Workplace

    outbox = Outbox(pipe)
    worker = Worker(Workplace(place, outbox.put), outbox)
    with contextlib.suppress(EOFError, OSError):
        while not isinstance(message := pipe.recv(), Close):
            worker.take(message)
    # nothing waits for what is being done: a training that was cut off is recovered when its session is opened again
    os._exit(0)


class Worker:
    """Takes commands and sees to it that they are done in turn.

    Args:
        workplace: Where the work is done.
        outbox: Takes the answers.
    """

    def __init__(self, workplace: Workplace, outbox: Outbox) -> None:
        self._place, self._outbox = workplace, outbox
        self._there = threading.Condition()
        self._waiting: deque[Call] = deque()
        self._now: Call | None = None
        self._quick = ThreadPoolExecutor(1, "lorasteer-quick")
        threading.Thread(target=self._work, name="lorasteer-work", daemon=True).start()

    def take(self, message: Call | Interrupt) -> None:
        """Take a command; returns at once."""
        if isinstance(message, Interrupt):
            self._guarded(message.id, lambda: self._interrupt(message))
        elif self._answered_at_once(message):
            return
        elif (beside := self._beside(message)) is not None:
            self._quick.submit(self._do, beside)
        else:
            self._queue(message)

    def _beside(self, call: Call) -> Call | None:
        """What to do beside the work, without touching a model; None for what must wait for its turn."""
        if call.what in QUICK:
            return call
        if not self._busy:
            return None
        if call.what == "example":
            return replace(call, what="known")
        if call.what in OPENING and self._place.loaded(call):
            return replace(call, facts={**call.facts, "free": False})
        step = call.facts.get("step") if call.what == "preview" else None
        by_attributes = isinstance(step, Asking) and (step.direction is None or not step.direction.positive)
        return replace(call, what="sketch") if by_attributes else None

    def _answered_at_once(self, call: Call) -> bool:
        """What needs no work: a decision that is outdated, and findings that are at hand."""
        desk = self._place.desks.get(call.run)
        if desk is None:
            return False
        if call.what in TRAINING:
            try:
                desk.refuse(call.facts)
            except LorasteerError as error:
                self._outbox.put(Answer(call.id, error=whole(error)))
                return True
        found = desk.held(call.facts["number"], call.facts["before"]) if call.what == "findings" else None
        if found is not None:
            self._outbox.put(Answer(call.id, found))
        return found is not None

    @property
    def _busy(self) -> bool:
        """Whether something is done that takes its time."""
        now = self._now
        return now is not None and now.what in TRAINING | OPENING

    def _queue(self, call: Call) -> None:
        with self._there:
            if call.what == "dial":  # of several that wait only the last is wanted
                self._waiting = deque(old for old in self._waiting if (old.run, old.what) != (call.run, "dial"))
            self._waiting.append(call)
            other = self._now
            self._there.notify()
        if other is not None and call.run and other.run != call.run and call.what in TRAINING:
            self._outbox.put(Waiting(call.run, self._place.busy_with(other.run)))

    def _interrupt(self, message: Interrupt) -> Any:
        """Stop what a session trains; where it waits for another's training, take back what it waits to do."""
        with self._there:
            mine = [call for call in self._waiting if call.run == message.run and call.what in TRAINING]
            running = self._now is not None and self._now.run == message.run
            if mine and not running:
                self._waiting = deque(call for call in self._waiting if call not in mine)
        desk = self._place.desks[message.run]
        if running or not mine:
            return desk.interrupt(message.actor)
        for call in mine:
            self._outbox.put(Answer(call.id, error=SessionError(f"{message.actor} took it back before it began.")))
        self._outbox.put(Waiting(message.run, ""))
        return desk.view

    def _work(self) -> None:
        while True:
            with self._there:
                self._there.wait_for(lambda: self._waiting or self._place.undrawn)
                call = self._now = self._waiting.popleft() if self._waiting else None
            if call is None:
                self._draw()
                continue
            if call.run:
                self._outbox.put(Waiting(call.run, ""))
            self._do(call)
            with self._there:
                self._now = None

    def _draw(self) -> None:
        try:
            self._place.draw(lambda: bool(self._waiting))
        except Exception:  # a picture that cannot be drawn must not cost the session
            logging.getLogger(__name__).exception("a map could not be drawn")

    def _do(self, call: Call) -> None:
        begun = _Once(lambda view: self._outbox.put(Answer(call.id, view)))
        facts: dict[str, Any] = {"begun": begun} if call.what in TRAINING else {}
        facts |= ({"run": call.run} if call.run else {}) | call.facts
        self._guarded(call.id, lambda: getattr(self._place, call.what)(**facts), begun)

    def _guarded(self, id: int, work: Callable[[], Any], begun: _Once | None = None) -> None:
        """Answer with what came of some work, unless it was answered when it began."""
        try:
            answer = Answer(id, work())
        except LorasteerError as error:
            answer = Answer(id, error=whole(error))
        except Exception as error:
            logging.getLogger(__name__).exception("the work failed")
            answer = Answer(id, error=whole(error))
        if begun is None or not begun.called:
            self._outbox.put(answer)


class _Once:
    """Calls a function the first time only."""

    def __init__(self, call: Callable[[Any], None]) -> None:
        self._call, self.called = call, False

    def __call__(self, value: Any) -> None:
        if not self.called:
            self.called = True
            self._call(value)
