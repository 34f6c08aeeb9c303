"""Frames on their way to one browser: one in flight, only the newest next, and a clock that stops when it is drawn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from nicegui import background_tasks

from lorasteer.web.parts.embedding_points import Positions

KEPT = 4096
"""Timings that are remembered; a round of ten minutes at five frames a second fits."""

UNSEEN = -1
"""The number of the frame before the first."""


class Frame(NamedTuple):
    """Places of all points at one moment, and when they came (seconds of `time.perf_counter`)."""

    positions: Positions
    seq: int
    at: float


class Drawn(NamedTuple):
    """A frame that a browser has drawn: milliseconds from its coming to the browser's word that it is on the screen."""

    seq: int
    ms: float


class Stream:
    """Gives a browser the newest frame as fast as it can draw, and no faster.

    A frame that comes while another is drawn waits; a newer one takes its place. So memory does not grow with a slow browser, and
    what it draws is never older than one drawing. While nobody is connected, nothing is sent and the newest frame is kept.

    Args:
        draw: Sends a frame and returns when it is drawn; its second argument asks for the whole figure and not the places alone.
            Raises TimeoutError when the browser does not answer.

    Attributes:
        newest: The last frame that came; None before the first.
        drawn_seq: Number of the last frame that was drawn.
        dropped: Frames that never went out because a newer one came.
        timings: One entry for every frame that was drawn, the last few thousand.
    """

    def __init__(self, draw: Callable[[Frame, bool], Awaitable[None]]) -> None:
        self._draw = draw
        self._connected = self._closed = False
        self._waiting = False
        self._whole = True
        self._task: asyncio.Task[None] | None = None
        self._still_until = 0.0
        self.newest: Frame | None = None
        self.drawn_seq = UNSEEN
        self.dropped = 0
        self.timings: deque[Drawn] = deque(maxlen=KEPT)

    def put(self, frame: Frame) -> None:
        """Let this be the newest frame."""
        if self._closed:
            return
        self.dropped += self._waiting
        self.newest, self._waiting = frame, True
        self._go()

    def redraw(self) -> None:
        """Draw the whole figure anew, with the newest places."""
        self._whole = True
        self._go()

    def forget(self) -> None:
        """Drop all frames: other points take the place of these."""
        self._stop()
        self.newest, self._waiting, self._whole, self.drawn_seq = None, False, True, UNSEEN

    def hold(self, seconds: float) -> None:
        """Draw nothing for a while: somebody is drawing on what is there. 0 ends it."""
        loop = asyncio.get_running_loop()
        self._still_until = loop.time() + seconds
        if seconds:
            loop.call_later(seconds + 0.01, self._go)
        else:
            self._go()

    def connect(self) -> None:
        """A browser is there. What it shows is unknown, so the first drawing is a whole one."""
        self._connected = not self._closed
        self.redraw()

    def disconnect(self) -> None:
        """The browser is gone; stop waiting for it."""
        self._connected = False
        self._stop()

    def close(self) -> None:
        """Nobody will ever look again."""
        self._closed = True
        self.disconnect()
        self.newest = None

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def _next(self) -> Frame | None:
        """What is to be drawn now."""
        still = asyncio.get_running_loop().time() < self._still_until
        due = self._connected and not still and (self._waiting or self._whole)
        return self.newest if due else None

    def _go(self) -> None:
        if self._task is None and self._next is not None:
            self._task = background_tasks.create(self._run(), name="map frames")

    async def _run(self) -> None:
        me = asyncio.current_task()
        try:
            while self._task is me and (frame := self._next) is not None:
                await self._send(frame)
        finally:
            if self._task is me:
                self._task = None

    async def _send(self, frame: Frame) -> None:
        fresh, whole = self._waiting, self._whole
        self._waiting = self._whole = False
        try:
            await self._draw(frame, whole)
        except BaseException as error:
            self._whole = True  # what the browser shows now is unknown
            if isinstance(error, TimeoutError):
                return
            raise
        self.drawn_seq = frame.seq
        if fresh:
            self.timings.append(Drawn(frame.seq, 1000 * (time.perf_counter() - frame.at)))
