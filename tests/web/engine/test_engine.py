"""The engine with its real process: the whole way, two people at once, answers that were lost, and listeners of every pace."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lorasteer.errors import DataError, RequestError, SessionError, StoreError, WeightsError
from lorasteer.records import Event
from lorasteer.session import Goal, steps
from lorasteer.session.steps import Adjust, Commit, Continue, Go, Stop, Undo
from lorasteer.store import RunStore
from lorasteer.web import views
from lorasteer.web.engine import Keeper
from lorasteer.web.house import House, Room, Stale
from tests.support.digits import digits
from tests.support.errors import refuses
from tests.support.houses import asked, begun, reviewing, start, started, until

HOSTILE = '<img src=x onerror=alert(1)> ../../etc/passwd \x00 "; DROP TABLE runs; -- 猫 ‮'


def log(room: Room, place: Path) -> tuple[Event, ...]:
    return RunStore(place / "store").events(room.id)


def test_the_house_is_what_pages_expect(house: Keeper, loop: asyncio.Runner) -> None:
    as_expected: House = house
    room: Room = loop.run(begun(house))
    assert as_expected is house
    assert (room.view.state, room.view.head, room.view.allowed) == ("idle", 0, ("start", "goal", "stop"))
    assert (room.view.base.name, room.view.data.train, room.view.findings) == ("small", len(digits().train), None)
    assert room.view.base.accuracy is not None
    assert room.view.base.accuracy > 0.9


def test_the_whole_way(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def walk() -> None:
        room = await begun(house, "whole way")
        view = await room.act(start(why="they asked"), version=1, actor="ann")
        assert (view.state, view.allowed, view.last and view.last.actor) == ("unlearning", ("interrupt",), "ann")
        view = await reviewing(room)
        first = view.findings
        assert first is not None
        assert (view.head, view.forget, first.number, first.compared) == (1, 113, 1, 0)
        assert [(node.number, node.parent, node.action) for node in view.nodes] == [(0, None, "base"), (1, 0, "unlearn")]
        assert (view.nodes[1].note, room.progress) == ("they asked", None)

        await room.act(Continue(action="continue"), version=view.version, actor="ann")
        view = await reviewing(room)
        assert (view.head, view.findings and view.findings.compared) == (2, 1)

        view = await room.act(Undo(action="undo"), version=view.version, actor="ann")
        assert (view.head, view.findings) == (1, first)

        dialled = await room.dial(0.5)
        view = await room.act(Commit(action="commit"), version=view.version, actor="ann")
        assert view.findings is not None
        assert (view.head, view.nodes[3].strength) == (3, 0.5)
        assert [row.now for row in dialled.rows] == [row.now for row in view.findings.rows]

        view = await room.act(Go(action="go", number=0), version=view.version, actor="ann")
        assert (view.head, view.findings and view.findings.number) == (0, 0)
        assert view.findings is not None
        assert all(row.now == row.base for row in view.findings.rows)
        assert view.findings.confusion is None

        view = await room.act(Stop(action="stop"), version=view.version, actor="ann")
        assert (view.state, view.allowed) == ("closed", ())

    loop.run(walk())


def test_findings_hold_what_a_page_draws(house: Keeper, loop: asyncio.Runner) -> None:
    async def look() -> views.Findings:
        room = await started(house)
        await room.act(Adjust(action="adjust", intensity=1.0, settings={}), version=room.view.version, actor="ann")
        await reviewing(room)
        found = await room.findings(2)
        assert found == await room.findings(2) == room.view.findings
        assert (await room.findings(2, 0)).compared == 0
        return found

    found = loop.run(look())
    rows = {row.metric: row for row in found.rows}
    forgotten = rows["forget accuracy"]
    assert (forgotten.low, forgotten.high) == (0.0, 0.0)  # the aim of intensity 1, for there is no retrained model
    assert forgotten.value is not None
    assert forgotten.now == f"{forgotten.value:.2%}"
    assert (rows["mia auc"].low, rows["mia auc"].high) == (0.5, 0.5)
    assert all(row.help and row.n for row in found.rows)
    assert found.histogram is not None
    assert found.confusion is not None
    for shares in (found.histogram.forget, found.histogram.unseen, found.confusion.base, found.confusion.now):
        assert sum(shares) == pytest.approx(1)
    assert found.histogram.unseen_are == "test examples that meet the target"
    assert found.confusion.base[7] > 0.9 > found.confusion.now[7]
    assert {one.name for one in found.classes} == set("0123456789")


def test_of_two_who_decide_at_once_one_wins(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def both() -> None:
        room = await started(house)
        version = room.view.version
        acts = [
            room.act(Undo(action="undo"), version=version, actor="ann"),
            room.act(Go(action="go", number=0), version=version, actor="bob"),
        ]
        done = await asyncio.gather(*acts, return_exceptions=True)
        lost = [one for one in done if isinstance(one, Stale)]
        won = [one for one in done if isinstance(one, views.SessionView)]
        assert (len(lost), len(won)) == (1, 1)
        assert (lost[0].latest.actor, lost[0].latest.action) == ("ann", "undo")
        assert (lost[0].version, lost[0].based_on) == (version + 1, version)
        assert len(log(room, place)) == version + 1

    loop.run(both())


def test_who_comes_late_hears_of_the_person_not_of_the_program(house: Keeper, loop: asyncio.Runner) -> None:
    async def late() -> None:
        room = await started(house)
        with pytest.raises(Stale, match="ann did 'start'"):
            await room.act(Undo(action="undo"), version=1, actor="bob")

    loop.run(late())


def test_the_same_key_does_nothing_twice(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def twice() -> None:
        room = await begun(house)
        step = start()
        first = asyncio.create_task(room.act(step, version=1, actor="ann", key="k"))
        await asyncio.sleep(0)
        first.cancel()  # the answer is lost, as with a browser that went away
        again = await room.act(step, version=1, actor="ann", key="k")
        assert again.state in ("unlearning", "evaluating", "reviewing")
        await reviewing(room)
        assert (await room.act(step, version=1, actor="ann", key="k")).head == 1
        with refuses(SessionError, "key 'k'", "another decision"):
            await room.act(Undo(action="undo"), version=1, actor="ann", key="k")
        assert [event.action for event in log(room, place)].count("start") == 1

    loop.run(twice())


def test_an_interrupt_arrives_while_it_trains(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def stop() -> float:
        room = await begun(house)
        await room.act(start(endless=True), version=1, actor="ann")
        async with asyncio.timeout(30):
            while room.progress is None or room.progress.step < 50:
                await asyncio.sleep(0.01)
        since = time.perf_counter()
        await room.interrupt(actor="bob")
        view = await until(room, lambda view: view.state != "unlearning")
        took = time.perf_counter() - since
        await reviewing(room)
        assert "interrupted" in room.view.nodes[1].text
        assert [(event.action, event.actor) for event in log(room, place)][2] == ("interrupt", "bob")
        assert view.head in (0, 1)
        return took

    assert loop.run(stop()) < 2.0


def test_another_session_waits_and_says_for_what(house: Keeper, loop: asyncio.Runner) -> None:
    async def wait() -> None:
        busy, other = await begun(house, "the long one"), await begun(house)
        await busy.act(start(endless=True), version=1, actor="ann")
        acting = asyncio.create_task(other.act(start(), version=1, actor="bob"))
        await until(other, lambda view: "the long one" in view.waiting)
        assert len(await other.image(0)) > 0  # pictures do not wait
        with refuses(SessionError, "cannot adjust now"):
            await busy.act(Adjust(action="adjust"), version=busy.view.version, actor="bob")
        await busy.interrupt(actor="ann")
        assert (await acting).state == "unlearning"
        view = await reviewing(other)
        assert (view.head, view.waiting) == (1, "")

    loop.run(wait())


def test_what_waits_can_be_taken_back(house: Keeper, loop: asyncio.Runner) -> None:
    async def take_back() -> None:
        busy, other = await begun(house), await begun(house)
        await busy.act(start(endless=True), version=1, actor="ann")
        acting = asyncio.create_task(other.act(start(), version=1, actor="bob"))
        await until(other, lambda view: bool(view.waiting))
        view = await other.interrupt(actor="bob")
        with refuses(SessionError, "bob took it back"):
            await acting
        assert (view.state, other.view.waiting) == ("idle", "")
        await busy.interrupt(actor="ann")
        await reviewing(busy)

    loop.run(take_back())


@pytest.mark.parametrize(
    ("step", "error", "word"),
    [
        (steps.Start(action="start", forget="eleven"), RequestError, "eleven"),
        (steps.Start(action="start", ids_file="/etc/passwd"), RequestError, "ids_file"),
        (steps.Seek(action="goal", ids_file="/etc/passwd"), RequestError, "ids_file"),
        (steps.Export(action="export", folder="/etc"), SessionError, "own call"),
        (steps.Undo(action="undo"), SessionError, "cannot undo"),
        (steps.Start(action="start", forget=HOSTILE), RequestError, "DROP TABLE"),
    ],
)
def test_refusals_cross_and_change_nothing(
    house: Keeper, loop: asyncio.Runner, step: steps.AnyStep, error: type[Exception], word: str
) -> None:
    async def refused() -> None:
        room = await begun(house)
        with pytest.raises(error, match=word):
            await room.act(step, version=1, actor="ann")
        assert (room.view.state, room.view.version, room.view.error) == ("idle", 1, "")

    loop.run(refused())


def test_names_pass_through_unchanged(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def named() -> None:
        room = await house.begin((await house.library()).bases[0].id, name=HOSTILE, actor=HOSTILE)
        await room.act(Stop(action="stop", why=HOSTILE), version=1, actor=HOSTILE)
        assert room.view.name == HOSTILE
        assert room.view.last is not None
        assert (room.view.last.actor, room.view.last.why) == (HOSTILE, HOSTILE)
        listed = {run.id: run for run in (await house.library()).runs}[room.id]
        assert (listed.name, listed.state, listed.here) == (HOSTILE, "closed", True)

    loop.run(named())


def test_what_breaks_off_is_told_and_changes_nothing(house: Keeper, loop: asyncio.Runner) -> None:
    async def breaks() -> None:
        room = await begun(house)
        too_much = steps.Start(action="start", forget="7", settings={"rank": 64})  # more than ten classes can hold
        await room.act(too_much, version=1, actor="ann")
        view = await until(room, lambda view: bool(view.error))
        assert "rank 64 is larger" in view.error
        assert (view.head, view.state, "adjust" in view.allowed) == (0, "reviewing", True)
        await room.act(Go(action="go", number=0), version=view.version, actor="ann")
        assert room.view.error == ""

    loop.run(breaks())


def test_of_many_dials_the_last_is_answered(house: Keeper, loop: asyncio.Runner) -> None:
    async def turn() -> None:
        room = await started(house)
        dials = [asyncio.create_task(room.dial(n / 100)) for n in range(100)]
        done = await asyncio.gather(*dials, return_exceptions=True)
        answered = [one for one in done if isinstance(one, views.Findings)]
        assert isinstance(done[-1], views.Findings)
        assert done[-1].strength == 0.99
        assert len(answered) < 10
        assert all(isinstance(one, (views.Findings, asyncio.CancelledError)) for one in done)
        with pytest.raises(WeightsError, match="strength"):
            await room.dial(7)

    loop.run(turn())


def test_a_search_ends_with_words(house: Keeper, loop: asyncio.Runner) -> None:
    async def search() -> None:
        room = await begun(house)
        goal = Goal(forget_at_most=0.2, retain_loss_at_most=0.2)
        await room.seek(asked(settings={"epochs": 8}), goal, seconds=30, tries=3, version=1, actor="ann")
        view = await until(room, lambda view: bool(view.found))
        assert (view.state, view.head > 0) == ("reviewing", True)
        assert "goal" in view.found[0]

    loop.run(search())


def test_a_search_can_be_ended(house: Keeper, loop: asyncio.Runner) -> None:
    async def search() -> None:
        room = await begun(house)
        goal = Goal(forget_at_most=0.0, retain_loss_at_most=0.0)
        view = await room.seek(asked(), goal, seconds=600, tries=1000, version=1, actor="ann")
        assert view.state == "unlearning"
        await room.interrupt(actor="bob")
        view = await until(room, lambda view: bool(view.found))
        assert view.state == "reviewing"

    loop.run(search())


def test_questions_about_the_data(house: Keeper, loop: asyncio.Runner) -> None:
    async def ask() -> None:
        room = await started(house)
        example = await room.example(5)
        assert (example.label, example.id) == (str(digits().train.labels[5]), str(digits().train.ids[5]))
        assert example.before
        assert example.after
        assert Image.open(io.BytesIO(await room.image(5, "test"))).size == (8, 8)
        found = await room.find("7", 3)
        assert len(found) == 3
        assert await room.find("") == await room.find("nothing is called so") == ()
        for call in (room.example(-1), room.image(10**9), room.image(-1, "test")):
            with pytest.raises(DataError, match="there is no example"):
                await call

    loop.run(ask())


def test_a_preview_promises_and_does_nothing(house: Keeper, loop: asyncio.Runner) -> None:
    async def look() -> None:
        room = await begun(house)
        preview = await room.preview(steps.Start(action="start", forget="7", intensity=0.25))
        assert (preview.forget, preview.promised, preview.plan.method) == (113, 0.5, "lora-ihl")
        assert "7" in preview.wording
        with pytest.raises(RequestError, match="eleven"):
            await room.preview(steps.Start(action="start", forget="eleven"))
        with pytest.raises(RequestError, match="ids_file"):
            await room.preview(steps.Start(action="start", ids_file="/etc/passwd"))
        assert room.view.version == 1

    loop.run(look())


def test_exports_lie_in_one_place_and_can_be_read(house: Keeper, loop: asyncio.Runner, place: Path) -> None:
    async def take() -> None:
        room = await started(house)
        for kind, within in (("adapter", "adapter/adapter_model.safetensors"), ("merged", "merged/model.safetensors")):
            export, path = await room.export(1, kind)  # type: ignore[arg-type]
            assert within in zipfile.ZipFile(path).namelist()
            assert (path.stat().st_size, path.parent.parent) == (export.bytes, place / "store" / "exports")
        export, path = await room.export(1, "report")
        assert path.read_text(encoding="utf-8").startswith("# Unlearning report")
        with refuses(SessionError, "nothing to export"):
            await room.export(0, "adapter")

    loop.run(take())


def test_what_is_put_aside_comes_back(house: Keeper, loop: asyncio.Runner) -> None:
    async def aside() -> None:
        room = await begun(house)
        await house.remove(room.id, actor="ann")
        assert room.id not in {run.id for run in (await house.library()).runs}
        with refuses(StoreError, "put aside by ann"):
            await house.room(room.id)
        await house.restore(room.id)
        assert await house.room(room.id) is room
        with refuses(StoreError, "nothing to restore"):
            await house.restore(room.id)
        with refuses(StoreError, "no run"):
            await house.remove("never", actor="ann")
        with refuses(StoreError, "no run"):
            await house.room("../../etc")

    loop.run(aside())


def test_a_slow_listener_hears_the_newest(house: Keeper, loop: asyncio.Runner) -> None:
    async def listen() -> None:
        room = await begun(house)
        slow = room.listen()
        assert (await anext(slow)) == room.view
        await room.act(start(), version=1, actor="ann")
        await reviewing(room)
        heard = [await asyncio.wait_for(anext(slow), 1)]
        while not isinstance(heard[-1], views.SessionView):
            heard.append(await asyncio.wait_for(anext(slow), 1))
        assert heard[-1].state == "reviewing"  # of all views between, none was kept
        assert len({type(news) for news in heard}) == len(heard)

    loop.run(listen())


def test_the_event_loop_is_never_held_up(house: Keeper, loop: asyncio.Runner) -> None:
    async def measure() -> list[float]:
        room = await begun(house)
        await room.act(start(endless=True), version=1, actor="ann")
        lags, hearing = [], [_drain(room) for _ in range(5)]
        for _ in range(150):
            since = time.perf_counter()
            await asyncio.sleep(0.01)
            lags.append(time.perf_counter() - since - 0.01)
        await room.interrupt(actor="ann")
        await reviewing(room)
        for task in hearing:
            task.cancel()
        return lags

    lags = sorted(loop.run(measure()))
    assert lags[int(0.95 * len(lags))] <= 0.05


def _drain(room: Room) -> asyncio.Task[None]:
    async def hear() -> None:
        async for _ in room.listen():
            pass

    return asyncio.create_task(hear())
