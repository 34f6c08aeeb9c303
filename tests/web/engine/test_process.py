"""The life of the process that works: killed in the middle, begun again, and never left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lorasteer.errors import StoreError
from lorasteer.session.steps import Adjust, Continue
from lorasteer.store import RunStore
from lorasteer.web import views
from lorasteer.web.engine import exporting
from lorasteer.web.engine.messages import Crashed
from lorasteer.web.engine.room import LiveRoom
from tests.support.errors import refuses
from tests.support.houses import ENDLESS, begun, ended, house_in, reviewing, start, started, until

pytestmark = pytest.mark.slow  # each starts a process that loads every library anew


async def _training(room: LiveRoom) -> None:
    """Under way."""
    async with asyncio.timeout(60):
        while room.progress is None:
            await asyncio.sleep(0.005)


def adjust_endlessly() -> Adjust:
    """A step that trains until the process is killed."""
    return Adjust(action="adjust", settings=dict(ENDLESS), seed=1)


def test_a_killed_process_is_told_and_begun_again(tmp_path: Path) -> None:
    async def kill() -> None:
        house = house_in(tmp_path)
        room, idle = await started(house), await begun(house)
        kept = room.view
        await room.act(adjust_endlessly(), version=kept.version, actor="ann")
        await _training(room)
        waiting = asyncio.create_task(idle.act(start(), version=1, actor="bob", key="lost"))
        await until(idle, lambda view: bool(view.waiting))
        news = idle.listen()

        os.kill(house.pid, signal.SIGKILL)
        await until(room, lambda view: not view.allowed)
        with pytest.raises(Crashed, match="restart it"):
            await waiting
        crash = await anext(news)
        while not isinstance(crash, views.Crash):
            crash = await anext(news)
        assert (crash.exitcode, "by signal 9" in crash.words) == (-9, True)
        assert (room.view.head, room.view.findings, room.progress) == (1, kept.findings, None)
        with pytest.raises(Crashed, match="restart it"):
            await room.act(Continue(action="continue"), version=room.view.version, actor="ann")

        view = await room.restart()
        assert (view.state, view.head, view.findings, view.last and view.last.action) == (
            "reviewing", 1, kept.findings, "recovered"
        )  # fmt: skip
        assert "broke off" in view.error
        assert idle.view.allowed == ("start", "goal", "stop")
        await room.act(Continue(action="continue"), version=view.version, actor="ann")
        await reviewing(room)
        await idle.act(start(), version=1, actor="bob", key="lost")
        await reviewing(idle)
        assert (room.view.head, room.view.error, idle.view.head) == (2, "", 1)
        await house.close()
        assert RunStore(tmp_path / "store").verify() == []

    asyncio.run(kill())


def test_a_new_session_begins_the_work_again(tmp_path: Path) -> None:
    async def kill() -> None:
        house = house_in(tmp_path)
        room = await begun(house)
        os.kill(house.pid, signal.SIGKILL)
        await until(room, lambda view: not view.allowed)
        other = await begun(house)
        assert other.view.state == room.view.state == "idle"
        await house.close()

    asyncio.run(kill())


def test_sessions_are_found_again_by_another_house(tmp_path: Path) -> None:
    async def first() -> tuple[str, views.Findings | None]:
        house = house_in(tmp_path)
        room = await started(house, name="found again")
        await house.close()
        assert ended(house.pid)
        return room.id, room.view.findings

    async def second(run: str, findings: views.Findings | None) -> None:
        house = house_in(tmp_path)
        listed = (await house.library()).runs
        assert [(each.id, each.name, each.here, each.iterations) for each in listed] == [(run, "found again", False, 1)]
        room = await house.room(run[-6:])
        assert (room.id, room.view.findings, room.view.base.name) == (run, findings, "small")
        assert await house.room(run) is room
        await house.close()

    run, findings = asyncio.run(first())
    asyncio.run(second(run, findings))


def test_closing_removes_what_was_put_aside_and_exported(tmp_path: Path) -> None:
    async def close() -> None:
        house = house_in(tmp_path)
        kept, gone = await started(house), await begun(house)
        await kept.export(1, "report")
        assert (tmp_path / "store" / exporting.FOLDER).is_dir()
        await house.remove(gone.id, actor="ann")
        await house.close()
        assert [each.id for each in RunStore(tmp_path / "store").list()] == [kept.id]
        assert not (tmp_path / "store" / exporting.FOLDER).exists()
        await house.close()  # twice does no harm

    asyncio.run(close())


def test_a_house_that_is_dropped_leaves_no_process(tmp_path: Path) -> None:
    async def drop() -> int:
        house = house_in(tmp_path)
        room = await begun(house)
        await room.act(start(endless=True), version=1, actor="ann")
        return house.pid

    pid = asyncio.run(drop())
    gc.collect()
    assert ended(pid)


SERVER = """
import asyncio, sys
from pathlib import Path
from tests.support.houses import begun, house_in, start

async def main():
    house = house_in(Path(sys.argv[1]))
    room = await begun(house)
    await room.act(start(endless=True), version=1, actor="ann")
    print(house.pid, room.id, flush=True)
    if sys.argv[2] == "stay":
        await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["stay", "leave"])
def test_a_server_that_is_gone_leaves_no_process(tmp_path: Path, how: str) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    root = Path(__file__).parents[3]
    paths = f"{root / 'src'}{os.pathsep}{root}"
    server = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), how],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    with server:
        assert server.stdout is not None
        pid, run = server.stdout.readline().split()
        if how == "stay":
            server.kill()
        server.wait(60)
    assert ended(int(pid))

    async def find() -> None:
        house = house_in(tmp_path)
        room = await house.room(run)
        assert (room.view.state, room.view.head, "broke off" in room.view.error) == ("reviewing", 0, True)
        await house.close()

    asyncio.run(find())


def test_a_store_that_another_process_writes_to_is_refused_by_name(tmp_path: Path) -> None:
    async def refused() -> None:
        house, other = house_in(tmp_path), house_in(tmp_path)
        await begun(house)
        with refuses(StoreError, f"process {house.pid}", "one process at a time"):
            await begun(other)
        await other.close()
        await house.close()

    asyncio.run(refused())
