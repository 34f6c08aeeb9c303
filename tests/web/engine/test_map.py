"""The live map with its real process: it moves while it trains, tells the truth about what it shows, and goes back exactly."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lorasteer.session.steps import Adjust, Go, Start, Undo
from lorasteer.web import views
from lorasteer.web.engine import Keeper
from lorasteer.web.engine.room import LiveRoom
from tests.support.digits import digits
from tests.support.houses import ENDLESS, PATIENCE, begun, house_in, reviewing

pytestmark = pytest.mark.slow
STRONG = {"epochs": 30, "retain": 200, "learning_rate": 1e-3}


def positions(frame: views.MapFrame) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(frame.positions), "<f4").reshape(-1, 2)


def answers(frame: views.MapFrame) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(frame.answers), "u1")


async def shown(room: LiveRoom, true: Callable[[views.MapFrame], bool]) -> views.MapFrame:
    """The first picture for which something is true."""
    async with asyncio.timeout(2 * PATIENCE):
        while room.frame is None or not true(room.frame):
            await asyncio.sleep(0.01)
    return room.frame


async def settled(room: LiveRoom, number: int) -> views.MapFrame:
    return await shown(room, lambda frame: frame.number == number and frame.status in ("settled", "differs"))


async def on_disk(folder: Path, frame: views.MapFrame) -> None:
    """Wait until a picture is kept; files are replaced whole, so one that is there can be read."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for file in folder.glob(f"{frame.number}-*.npz"):
                with np.load(file) as kept:
                    if np.array_equal(kept["positions"][-1], positions(frame)):
                        return
            await asyncio.sleep(0.01)


def test_the_map_moves_with_the_training_and_goes_back_exactly(house: Keeper, loop: asyncio.Runner) -> None:
    async def walk() -> None:
        room = await begun(house)
        base = await settled(room, 0)
        assert room.points is not None
        assert (len(room.points.index), sum(room.points.target), base.step) == (len(positions(base)), 0, None)
        assert all(positions(base).std(0) > 0.1)

        step = Start(action="start", forget="7", intensity=1.0, settings=dict(STRONG))
        await room.act(step, version=room.view.version, actor="ann")
        await reviewing(room)
        after = await settled(room, 1)
        assert room.points.serial == after.serial == base.serial + 1
        target = np.array(room.points.target)
        labels = np.array(room.points.labels)
        assert set(labels[target]) == {7}
        assert sum(target) == room.view.forget
        assert (answers(after)[target] == 7).mean() < 0.3
        assert (answers(after)[~target] == labels[~target]).mean() > 0.9
        assert np.linalg.norm(positions(after) - positions(base), axis=1)[target].mean() > 0.005  # they left their place
        assert "last layer" in after.space
        assert str(round(after.purity_features or 0, 2))[:3] in after.words

        await room.act(Undo(action="undo"), version=room.view.version, actor="ann")
        back = await shown(room, lambda frame: frame.number == 0)
        assert (back.positions, back.serial) == (base.positions, after.serial)
        await settled(room, 0)
        await room.act(Go(action="go", number=1), version=room.view.version, actor="ann")
        again = await shown(room, lambda frame: frame.number == 1)
        assert (again.positions, again.answers, again.status) == (after.positions, after.answers, after.status)

        kept = await room.picture(1)
        assert kept[-1].positions == after.positions
        assert [frame.step for frame in kept][-1] is None
        await room.act(Adjust(action="adjust", forget="3"), version=room.view.version, actor="ann")
        await reviewing(room)
        other = await shown(room, lambda frame: frame.number == 2)
        assert other.serial == room.points.serial != after.serial
        assert {int(label) for label, ours in zip(room.points.labels, room.points.target, strict=True) if ours} == {3}

    loop.run(walk())


def test_numbers_and_pictures_come_while_it_trains(house: Keeper, loop: asyncio.Runner) -> None:
    async def watch() -> None:
        room = await begun(house)
        await settled(room, 0)
        step = Start(action="start", forget="7", settings=dict(ENDLESS))
        since = asyncio.get_running_loop().time()
        await room.act(step, version=room.view.version, actor="ann")
        frames: dict[int, int | None] = {}
        numbers = []
        async with asyncio.timeout(PATIENCE):
            async for news in room.listen():
                if isinstance(news, views.Progress) and news.forgotten is not None:
                    numbers.append((asyncio.get_running_loop().time() - since, news.forgotten, news.retained))
                if isinstance(news, views.MapFrame) and news.step is not None:
                    frames[news.seq] = news.step
                if len(frames) >= 10:
                    break
        hover = await room.example(int(np.flatnonzero(digits().train.labels == 7)[0]))
        assert (hover.before, bool(hover.after)) == ("7", True)  # known without asking the model that is at work
        preview = await room.preview(Adjust(action="adjust", intensity=0.25))
        assert preview.promised == 0.5
        await room.interrupt(actor="ann")
        view = await reviewing(room)
        assert numbers[0][0] < 2.0  # seconds; half a second on a machine that does nothing else
        assert sorted(frames.values(), key=lambda step: step or 0) == list(frames.values())
        if view.head:
            await shown(room, lambda frame: frame.number == 1)
            kept = await room.picture(1)
            assert {frame.step for frame in kept} & set(frames.values())
            assert len(kept) <= 41

    loop.run(watch())


def test_another_session_can_be_opened_while_one_trains(house: Keeper, loop: asyncio.Runner) -> None:
    async def open_another() -> None:
        room = await begun(house)
        await room.act(Start(action="start", forget="7", settings=dict(ENDLESS)), version=1, actor="ann")
        async with asyncio.timeout(10):
            other = await begun(house)
        assert (room.view.state, other.view.state) == ("unlearning", "idle")
        await room.interrupt(actor="ann")
        await reviewing(room)

    loop.run(open_another())


def test_pictures_outlive_the_process(tmp_path: Path) -> None:
    async def first(house: Keeper) -> tuple[str, views.MapFrame]:
        room = await begun(house)
        await room.act(Start(action="start", forget="7", settings=dict(STRONG)), version=1, actor="ann")
        await reviewing(room)
        frame = await settled(room, 1)
        await on_disk(tmp_path / "store" / "maps" / room.id, frame)
        os.kill(house.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while room.view.allowed:
                await asyncio.sleep(0.01)
        await room.restart()
        again = await shown(room, lambda news: news is not frame)
        assert (again.positions, again.status) == (frame.positions, frame.status)
        await house.close()
        return room.id, frame

    async def second(house: Keeper, run: str, frame: views.MapFrame) -> None:
        room = await house.room(run)
        again = await shown(room, lambda frame: frame.number == 1)
        assert (again.positions, again.answers, again.status) == (frame.positions, frame.answers, frame.status)
        later = await shown(room, lambda frame: frame.seq > again.seq)  # no first picture comes in between
        assert (later.positions, later.status) == (frame.positions, frame.status)
        await house.close()

    async def both() -> None:
        await second(house_in(tmp_path), *await first(house_in(tmp_path)))
        for file in (tmp_path / "store" / "maps").rglob("*.npz"):
            file.write_bytes(file.read_bytes()[:100])  # to lose them is harmless
        house = house_in(tmp_path)
        (run,) = [each.id for each in (await house.library()).runs]
        room = await house.room(run)
        await shown(room, lambda frame: frame.number == 1)
        await house.close()

    asyncio.run(both())
