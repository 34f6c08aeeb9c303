"""Frames on their way to a browser: one in flight, the newest next, nothing for nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from lorasteer.web.parts.embedding_stream import Frame, Stream

PLACES = np.zeros((6, 2), np.float32)


class Browser:
    """Takes drawings and answers when it is told to."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, bool]] = []
        self.free = asyncio.Event()
        self.silent = False

    async def draw(self, frame: Frame, whole: bool) -> None:
        await self.free.wait()
        if self.silent:
            self.silent = False
            raise TimeoutError
        self.drawn.append((frame.seq, whole))


def frame(seq: int) -> Frame:
    return Frame(PLACES, seq, 0.0)


async def ticks(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def played(play: Any) -> None:
    """Run a scene with a stream and its browser."""

    async def run() -> None:
        from nicegui import core

        core.loop = asyncio.get_running_loop()
        browser = Browser()
        try:
            await play(Stream(browser.draw), browser)
        finally:
            core.loop = None

    asyncio.run(run())


def test_one_frame_is_in_flight_and_only_the_newest_follows() -> None:
    async def play(stream: Stream, browser: Browser) -> None:
        stream.connect()
        for seq in range(10):
            stream.put(frame(seq))
            await ticks()
        browser.free.set()
        await ticks()
        assert browser.drawn == [(0, True), (9, False)]
        assert (stream.drawn_seq, stream.dropped) == (9, 8)
        assert [one.seq for one in stream.timings] == [0, 9]

    played(play)


def test_nothing_is_sent_to_nobody_and_the_newest_is_kept_for_who_comes_back() -> None:
    async def play(stream: Stream, browser: Browser) -> None:
        stream.put(frame(1))
        await ticks()
        assert browser.drawn == []
        stream.connect()
        await ticks()
        stream.disconnect()
        browser.free.set()
        stream.put(frame(2))
        stream.put(frame(3))
        await ticks()
        assert browser.drawn == []
        stream.connect()
        await ticks()
        assert browser.drawn == [(3, True)]

    played(play)


def test_a_browser_that_does_not_answer_gets_the_whole_anew() -> None:
    async def play(stream: Stream, browser: Browser) -> None:
        browser.free.set()
        stream.connect()
        stream.put(frame(1))
        await ticks()
        browser.free.clear()
        stream.put(frame(2))
        await ticks()
        browser.silent = True
        browser.free.set()
        await ticks()
        assert browser.drawn == [(1, True), (2, True)]

    played(play)


def test_frames_wait_while_somebody_draws_on_the_map() -> None:
    async def play(stream: Stream, browser: Browser) -> None:
        browser.free.set()
        stream.connect()
        stream.hold(0.2)
        stream.put(frame(1))
        await ticks()
        assert browser.drawn == []
        await asyncio.sleep(0.3)
        assert browser.drawn == [(1, True)]
        stream.hold(60)
        stream.put(frame(2))
        await ticks()
        stream.hold(0)
        await ticks()
        assert browser.drawn[-1] == (2, False)

    played(play)
