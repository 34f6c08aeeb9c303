"""Events: in order, the newest of each kind, with a heartbeat, and over when either side goes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from lorasteer.session.steps import Start
from lorasteer.web.api.events import stream
from lorasteer.web.engine import Keeper, open_house
from lorasteer.web.house import House, Room
from tests.web.api.site import START, Site, Steered, events, ok
from tests.web.security.serving import until


def test_events_tell_how_things_stand_and_then_every_change(session: Steered) -> None:
    told = []
    with session.client.stream("GET", f"{session.here}/events", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        heard = events(answer.iter_lines())
        kind, number, view = next(heard)
        assert (kind, number, view["state"]) == ("session", 1, "idle")
        ok(session.post(START))
        for kind, number, data in heard:
            told.append((kind, number, data))
            if kind == "session" and data["state"] == "reviewing":
                break
    assert [number for _, number, _ in told] == list(range(2, 2 + len(told)))
    versions = [data["version"] for kind, _, data in told if kind == "session"]
    assert versions == sorted(versions)
    assert "progress" in {kind for kind, _, _ in told}


def test_ids_go_on_where_a_listener_left_off(session: Steered) -> None:
    with session.client.stream("GET", f"{session.here}/events", headers={"last-event-id": "41"}) as answer:
        assert next(events(answer.iter_lines()))[1] == 42
    with session.client.stream("GET", f"{session.here}/events", headers={"last-event-id": "<script>"}) as answer:
        assert next(events(answer.iter_lines()))[1] == 1


def test_a_listener_that_goes_is_forgotten(site: Site, client: httpx.Client, session: Steered) -> None:
    house = site.reception.house
    assert isinstance(house, Keeper)
    ears = house._rooms[session.id]._listeners
    with client.stream("GET", f"{session.here}/events") as answer:
        next(answer.iter_lines())
        assert len(ears) == 1
    until(lambda: gc.collect() >= 0 and len(ears) == 0)  # a cancelled task and its frame hold each other until then


def with_room(root: Path, base: Path, check: Callable[[Room], Awaitable[None]]) -> None:
    """Open a house in this thread's own loop and begin a session there."""

    async def run() -> None:
        house: House = open_house(root / "store", [base], cache=root / "cache")
        try:
            bases = (await house.library()).bases
            await check(await house.begin(next(one.id for one in bases if one.model == "mlp"), name="", actor="test"))
        finally:
            await house.close()

    asyncio.run(run())


def test_a_slow_listener_hears_the_newest_only(tmp_path: Path, base: Path) -> None:
    async def check(room: Room) -> None:
        slow = stream(room, asyncio.Event())
        assert (await anext(slow)).startswith("event: session\nid: 1\n")
        await room.act(Start.model_validate(START), version=room.view.version, actor="test")
        async with asyncio.timeout(60):
            async for news in room.listen():
                if getattr(news, "state", "") == "reviewing":
                    break
        late: list[tuple[str, str]] = []
        while not late or late[-1][0] != "event: session":
            kind, _, data, *_ = (await anext(slow)).split("\n")
            late.append((kind, data))
        assert '"state":"reviewing"' in late[-1][1]
        assert len({kind for kind, _ in late}) == len(late)
        await slow.aclose()

    with_room(tmp_path, base, check)


def test_silence_is_broken_by_a_comment_and_ended_by_the_server(tmp_path: Path, base: Path) -> None:
    async def check(room: Room) -> None:
        closing = asyncio.Event()
        listening = stream(room, closing, heartbeat=0.05)
        while (text := await anext(listening)).startswith("event"):
            pass
        assert text == ": still here\n\n"
        closing.set()
        async with asyncio.timeout(5):
            assert [rest async for rest in listening] == []

    with_room(tmp_path, base, check)
