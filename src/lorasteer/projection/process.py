"""A map in a process of its own, so that drawing never holds up whoever watches, nor the training."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections import deque
from multiprocessing.connection import Connection

from lorasteer.errors import SessionError
from lorasteer.projection.frame import Failed, Frame
from lorasteer.projection.messages import Message, queued
from lorasteer.projection.worker import run

FRAMES_PER_SECOND = 10.0
_FAILURES = 16  # told one by one; older ones are dropped
_PATIENCE = 5.0  # seconds for a process to end


class MapProcess:
    """A map process as it is seen from outside. Every call may come from any thread, and only `poll` and `close` wait.

    Nothing queues up: of messages not yet sent the newest counts, and of frames not yet read the newest is kept. The process has
    one thread and low priority, and ends with its parent.

    Args:
        frames_per_second: Most frames that are sent, > 0.
    """

    def __init__(self, frames_per_second: float = FRAMES_PER_SECOND) -> None:
        if not frames_per_second > 0:
            raise ValueError(f"frames_per_second is {frames_per_second}; it must be above 0")
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._news = threading.Condition()
        self._outbox: list[Message] = []
        self._frame: Frame | None = None
        self._failures: deque[Failed] = deque(maxlen=_FAILURES)
        self._closed = self._ended = False
        self._process = spawn.Process(target=run, args=(theirs, frames_per_second), name="lorasteer-map", daemon=True)
        self._process.start()
        theirs.close()  # or the end of the process would not be seen
        self._threads = [threading.Thread(target=work, args=(self._pipe,), daemon=True) for work in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether the process can take messages."""
        return not self._ended and self._process.is_alive()

    @property
    def pid(self) -> int:
        """Its number among the processes of this machine."""
        assert self._process.pid is not None
        return self._process.pid

    def send(self, message: Message) -> None:
        """Tell the map something, without waiting for it.

        Raises:
            SessionError: The process has ended.
        """
        if not self.alive:
            raise SessionError("the map process has ended. Start another; the session itself goes on.")
        with self._news:
            self._outbox = queued(self._outbox, message)
            self._news.notify_all()

    def poll(self, timeout: float = 0.0) -> Frame | Failed | None:
        """The newest frame not yet read, or before it a failure; None where nothing came in time.

        Args:
            timeout: Seconds to wait, at most.
        """
        with self._news:
            self._news.wait_for(lambda: self._frame is not None or self._failures or self._closed, timeout)
            if self._failures:
                return self._failures.popleft()
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """End the process; there is nothing in it to save. Closing twice does no harm."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._process.terminate()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_PATIENCE)
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._pipe.close()

    def __enter__(self) -> MapProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, pipe: Connection) -> None:
        """Send what is in the outbox, one message at a time, while it may still be replaced by a newer one."""
        with contextlib.suppress(OSError):
            while (message := self._next()) is not None:
                pipe.send(message)

    def _next(self) -> Message | None:
        with self._news:
            self._news.wait_for(lambda: self._outbox or self._closed or self._ended)
            return None if self._closed or self._ended else self._outbox.pop(0)

    def _read(self, pipe: Connection) -> None:
        """Keep the newest frame until the process ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._keep(pipe.recv())
        with self._news:
            self._ended = True
            if not self._closed:
                self._failures.append(Failed("the map process has ended. Start another; the session itself goes on."))
            self._news.notify_all()

    def _keep(self, told: Frame | Failed) -> None:
        with self._news:
            if isinstance(told, Failed):
                self._failures.append(told)
            else:
                self._frame = told
            self._news.notify_all()
