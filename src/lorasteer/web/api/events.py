"""News of a session as server-sent events: of each kind the newest, as fast as the listener takes them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from lorasteer.web import views
from lorasteer.web.api.asked import AtReception, InRoom
from lorasteer.web.api.problems import refusals
from lorasteer.web.house import News, Room

router = APIRouter(prefix="/sessions/{run}", tags=["events"])
HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nobody in between takes the connection for dead."""
KINDS: dict[type[News], str] = {
    views.SessionView: "session",
    views.Progress: "progress",
    views.MapPoints: "points",
    views.MapFrame: "frame",
    views.Crash: "crash",
}
"""Names of events by what they carry."""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events "
        + ", ".join(f"`{name}`" for name in KINDS.values())
        + "; the data of each is the record as JSON.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/events",
    summary="News as they come",
    response_class=StreamingResponse,
    responses={**_STREAM, **refusals(404, 409, 503)},
)
async def events(
    room: InRoom, reception: AtReception,
    last: Annotated[str, Header(alias="Last-Event-ID", description="Id of the last event heard; ids go on from there.")] = "",
) -> StreamingResponse:  # fmt: skip
    """How things stand, then every change. Who listens slowly hears the newest of each kind and misses what it replaced."""
    first = int(last) + 1 if last.isdecimal() and len(last) < 16 and last.isascii() else 1
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(room, reception.closing, first=first), media_type="text/event-stream", headers=headers)


async def stream(room: Room, closing: asyncio.Event, *, first: int = 1, heartbeat: float = HEARTBEAT) -> AsyncIterator[str]:
    """News in the format of server-sent events, until the room has none any more or the server closes.

    Args:
        room: Who is listened to.
        closing: Set when the server ends.
        first: Id of the first event.
        heartbeat: Seconds of silence after which a comment is sent.
    """
    numbers, news = itertools.count(first), room.listen()
    coming, ending = asyncio.ensure_future(anext(news)), asyncio.ensure_future(closing.wait())
    try:
        while not ending.done():
            await asyncio.wait({coming, ending}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                yield worded(coming.result(), next(numbers))
                coming = asyncio.ensure_future(anext(news))  # only now, so that it is the newest
            elif not ending.done():
                yield ": still here\n\n"
    except StopAsyncIteration:
        return
    finally:
        coming.cancel()
        ending.cancel()


def worded(item: News, number: int) -> str:
    """One piece of news as an event."""
    return f"event: {KINDS[type(item)]}\nid: {number}\ndata: {item.model_dump_json()}\n\n"
