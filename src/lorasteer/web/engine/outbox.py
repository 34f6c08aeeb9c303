"""The sending end of a pipe: never waits for the other side, and of news that wait only the newest is sent."""

from __future__ import annotations

import contextlib
import threading
from multiprocessing.connection import Connection
from typing import Any


class Outbox:
    """Sends from a thread of its own. May be used from any thread.

    Args:
        pipe: Where to.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._there = threading.Condition()
        self._waiting: dict[object, Any] = {}
        self._count = 0
        self._closed = False
        self._thread = threading.Thread(target=self._send, name="lorasteer-outbox", daemon=True)
        self._thread.start()

    def put(self, message: Any) -> None:
        """Send a message. One with a `slot` takes the place of an unsent one of the same slot, at the end of the line."""
        with self._there:
            self._count += 1
            slot = getattr(message, "slot", self._count)
            self._waiting.pop(slot, None)
            self._waiting[slot] = message
            self._there.notify()

    def close(self) -> None:
        """Send nothing more; what waits is dropped."""
        with self._there:
            self._closed = True
            self._there.notify()

    def _next(self) -> Any | None:
        with self._there:
            self._there.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.pop(next(iter(self._waiting)))

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the other side is gone; whoever reads from it finds out
            while (message := self._next()) is not None:
                self._pipe.send(message)
