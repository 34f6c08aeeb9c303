"""The server's end of the process that works: started, asked, listened to and ended from the event loop, which never waits."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import threading
import weakref
from collections.abc import Callable, Hashable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from lorasteer.web.engine.messages import Answer, Call, Close, Crashed, Interrupt, Told
from lorasteer.web.engine.outbox import Outbox
from lorasteer.web.engine.worker import serve
from lorasteer.web.engine.workplace import Place

PATIENCE = 5.0
"""Seconds that the process has to end by itself."""
_DEAD = "the process that works has ended; restart it, the session stands at its last finished iteration."


class Link:
    """One process that works, from its start to its end.

    Args:
        place: Where everything lies.
        heard: Called in the event loop with everything the process says that is no answer; of news only the newest.
        ended: Called in the event loop with the exit code when the process ends unasked.

    Attributes:
        ready: Whether the process has said anything yet.
    """

    def __init__(self, place: Place, heard: Callable[[Told], None], ended: Callable[[int | None], None]) -> None:
        self._heard, self._ended = heard, ended
        self._loop = asyncio.get_running_loop()
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        # not a daemon, which might have no children of its own; it ends by itself when the pipe does
        self.process: BaseProcess = spawn.Process(target=serve, args=(theirs, place), name="lorasteer-work", daemon=False)
        self.process.start()
        theirs.close()  # or the end of the process would not be seen
        self._outbox = Outbox(self._pipe)
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._news = _Inbox(self._loop, self._take)
        self._gone = False
        self._finish = weakref.finalize(self, _end, self.process, self._pipe, self._outbox)
        threading.Thread(
            target=_read, args=(self._pipe, self._news, self.process, weakref.ref(self), self._loop), daemon=True
        ).start()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._gone

    def ask(self, run: str, what: str, **facts: Any) -> asyncio.Future[Any]:
        """Put something to the process; the future holds the answer."""
        return self._send(lambda number: Call(number, run, what, facts))

    def interrupt(self, run: str, actor: str) -> asyncio.Future[Any]:
        """Stop what a session does."""
        return self._send(lambda number: Interrupt(number, run, actor))

    def _send(self, make: Callable[[int], Call | Interrupt]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._gone:
            future.set_exception(Crashed(_DEAD))
            return future
        message = make(next(self._numbers))
        self._open[message.id] = future
        self._outbox.put(message)
        return future

    def _take(self, told: Told) -> None:
        if not isinstance(told, Answer):
            self._heard(told)
            return
        future = self._open.pop(told.id, None)
        if future is None or future.done():
            return
        if told.error is None:
            future.set_result(told.value)
        else:
            future.set_exception(told.error)

    def lost(self, exitcode: int | None) -> None:
        """The process has ended; nothing that was asked will be answered."""
        if self._gone:
            return
        self._gone = True
        for future in self._open.values():
            if not future.done():
                future.set_exception(Crashed(_DEAD))
        self._open.clear()
        self._ended(exitcode)

    async def close(self) -> None:
        """End the process; what it does is cut off, what it finished is kept."""
        self._gone = True
        for future in self._open.values():
            future.cancel()
        self._open.clear()
        await asyncio.to_thread(self._finish)


class _Inbox:
    """Hands over to the event loop what a thread reads: answers in order, of news the newest; never more than one call waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[Told], None]) -> None:
        self._loop, self._take = loop, weakref.WeakMethod(take)
        self._guard = threading.Lock()
        self._waiting: dict[Hashable, Told] = {}
        self._count = 0

    def put(self, told: Told) -> None:
        with self._guard:
            first = not self._waiting
            self._count += 1
            slot = getattr(told, "slot", self._count)
            self._waiting.pop(slot, None)
            self._waiting[slot] = told
        if first:
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with self._guard:
            waiting, self._waiting = self._waiting, {}
        take = self._take()
        for told in waiting.values() if take else ():
            assert take is not None
            take(told)


def _read(
    pipe: Connection, inbox: _Inbox, process: BaseProcess, link: weakref.ref[Link], loop: asyncio.AbstractEventLoop
) -> None:
    """Read until the process is gone. Holds no strong reference to the link, so that a forgotten one ends."""
    try:
        while True:
            inbox.put(pipe.recv())
    except (EOFError, OSError):
        process.join(PATIENCE)
    except RuntimeError:  # the event loop is closed
        return
    exitcode = process.exitcode

    def tell() -> None:
        still = link()
        if still is not None:
            still.lost(exitcode)

    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)


def _end(process: BaseProcess, pipe: Connection, outbox: Outbox) -> None:
    """End a process by a word; one that does not listen is ended by force."""
    outbox.put(Close())
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join(PATIENCE)
    outbox.close()
    pipe.close()
