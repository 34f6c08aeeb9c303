"""Nothing is done twice for the same key: a click that came twice, or a call that is repeated because its answer was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from lorasteer.web.security import Refusal

Answer = TypeVar("Answer")
_MOST = 256


class Once:
    """Work by idempotency key. The newest keys are remembered; what failed may be tried again with the same key."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, asyncio.Future[Any]]] = {}

    async def __call__(self, key: str, what: str, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do the work, or give the answer of the call that did it, also while that one still works.

        Args:
            key: As the client sent it; empty does the work without remembering it.
            what: What is asked for; the same key for something else is a mistake.
            work: Does it.

        Raises:
            Refusal: 422, the key was used for something else.
        """
        if not key:
            return await work()
        if key not in self._known:
            self._begin(key, what, work)
        asked, answer = self._known[key]
        if asked != what:
            raise Refusal(422, f"idempotency key {key[:40]!r} was used for another call already. Take a new key for each call.")
        result: Answer = await asyncio.shield(answer)  # the work goes on when this client leaves
        return result

    def _begin(self, key: str, what: str, work: Callable[[], Awaitable[Answer]]) -> None:
        answer = asyncio.ensure_future(work())
        self._known = dict([*self._known.items(), (key, (what, answer))][-_MOST:])
        answer.add_done_callback(lambda done: self._forget_failed(key, done))

    def _forget_failed(self, key: str, done: asyncio.Future[Any]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and key in self._known and self._known[key][1] is done:
            del self._known[key]
