"""What an app does after its client was refused stays inside: one answer goes out, and no error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lorasteer.web.security import Limits, Rules, Tokens
from lorasteer.web.security.asgi import App, Message, Receive, Scope, Send
from lorasteer.web.security.guard import Guard
from tests.web.security.serving import KEY

SCOPE: Scope = {
    "type": "http", "method": "POST", "path": "/api/act", "raw_path": b"/api/act", "query_string": b"", "scheme": "http",
    "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {KEY}".encode())],
}  # fmt: skip


def served(app: App, *bodies: bytes) -> list[Message]:
    """What goes out when a body comes in these pieces."""
    guard = Guard(app, Rules("127.0.0.1", 81, Tokens(KEY), Limits(body_bytes=3)))
    coming = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard({**SCOPE}, receive, send))
    return sent


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers whatever it hears."""
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
    """Begins its answer before it has heard everything."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await deaf(scope, receive, send)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Breaks off when its client has gone, and also otherwise."""
    await receive()
    await receive()
    raise ZeroDivisionError


def statuses(sent: list[Message]) -> list[Any]:
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


def test_a_refused_client_gets_one_answer() -> None:
    assert statuses(served(deaf, b"ab", b"cd")) == [413]


def test_an_answer_that_has_begun_is_broken_off() -> None:
    sent = served(hasty, b"ab", b"cd")
    assert statuses(sent) == [200]
    assert not any(message.get("body") for message in sent)


def test_an_app_may_break_off_when_its_client_was_refused() -> None:
    assert statuses(served(broken, b"ab", b"cd")) == [413]


def test_other_errors_of_an_app_are_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        served(broken, b"a", b"b")
