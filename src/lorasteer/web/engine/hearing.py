"""Listeners of a room: each hears the newest of every kind at its own pace, so that a slow one costs no memory."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable

from lorasteer.web.house import News


class Listeners:
    """Everyone who listens to a room. Used from one event loop."""

    def __init__(self) -> None:
        self._ears: weakref.WeakSet[_Ear] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._ears)

    def tell(self, told: News) -> None:
        """Tell everyone; what waits of the same kind is replaced."""
        for ear in tuple(self._ears):
            ear.take(told)

    def join(self, now: Iterable[News]) -> AsyncIterator[News]:
        """A new listener, who first hears how things stand. One that is dropped or closed is told no more."""
        ear = _Ear()
        self._ears.add(ear)
        for told in now:
            ear.take(told)
        return ear


class _Ear:
    """One listener: a slot for each kind of news."""

    def __init__(self) -> None:
        self._waiting: dict[type, News] = {}
        self._there = asyncio.Event()

    def take(self, told: News) -> None:
        self._waiting.pop(type(told), None)
        self._waiting[type(told)] = told
        self._there.set()

    def __aiter__(self) -> _Ear:
        return self

    async def __anext__(self) -> News:
        await self._there.wait()
        told = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._there.clear()
        return told
