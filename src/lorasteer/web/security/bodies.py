"""The body of a request on its way to the app: counted and timed, so that nobody sends too much or too slowly."""

from __future__ import annotations

import asyncio
import time

from lorasteer.web.security.answers import refuse
from lorasteer.web.security.asgi import Message, Receive, Send
from lorasteer.web.security.asked import Asked
from lorasteer.web.security.limits import Limits
from lorasteer.web.security.refusals import Refusal

_GONE: Message = {"type": "http.disconnect"}


class Body:
    """Stands between server and app for one request.

    When the body breaks a limit, the client is answered at once and the app is told that the client has gone; whatever the app
    still sends is dropped.

    Args:
        asked: The request.
        receive: The server's.
        send: The server's.
        limits: What is allowed.
    """

    def __init__(self, asked: Asked, receive: Receive, send: Send, limits: Limits) -> None:
        self._asked, self._receive, self._send, self._limits = asked, receive, send, limits
        self._allowed = limits.body_limit(asked.path)
        self._bytes, self._waited, self._whole, self._answered = 0, 0.0, False, False
        self.refused = False

    def check_length(self) -> None:
        """Refuse a body by its announced length, before a byte of it is read.

        Raises:
            Refusal: 413.
        """
        length = self._asked.header("content-length")
        if length and int(length) > self._allowed:  # the server takes digits only
            raise self._too_large(f"{int(length)} bytes")

    async def receive(self) -> Message:
        """The next message for the app."""
        if self.refused:
            return _GONE
        if self._whole:
            return await self._receive()  # waits for the client to leave, however long that takes
        try:
            message = await self._in_time()
            self._count(message)
        except Refusal as refusal:
            await self._refuse(refusal)
            return _GONE
        return message

    async def send(self, message: Message) -> None:
        """What the app answers, unless the client has its answer already."""
        if not self.refused:
            self._answered = True
            await self._send(message)

    async def _in_time(self) -> Message:
        begun, allowance = time.monotonic(), self._limits.body_seconds + self._bytes / self._limits.slowest - self._waited
        try:
            async with asyncio.timeout(min(self._limits.body_seconds, max(0, allowance))):
                return await self._receive()
        except TimeoutError:
            seconds = f"{self._limits.body_seconds:g} s"
            raise Refusal(
                408, f"the body comes too slowly: {self._bytes} bytes so far; allowed is a pause of {seconds}. Send it again."
            ) from None
        finally:
            self._waited += time.monotonic() - begun

    def _count(self, message: Message) -> None:
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self._allowed:
            raise self._too_large(f"more than {self._allowed} bytes")

    def _too_large(self, got: str) -> Refusal:
        return Refusal(
            413, f"the body has {got}; allowed are {self._allowed} for {self._asked.path[:80]!r}. Send less, or in several parts."
        )

    async def _refuse(self, refusal: Refusal) -> None:
        self.refused = True
        if not self._answered:
            await refuse(self._asked, self._send, refusal)
