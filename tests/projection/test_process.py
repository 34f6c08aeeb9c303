"""The map in a process of its own: newest wins, failures are told, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lorasteer.errors import SessionError
from lorasteer.projection import Begin, Failed, Frame, MapProcess, Move, Pause, Replace, Restore
from lorasteer.projection.messages import Message, queued
from lorasteer.projection.worker import REFRESH

if TYPE_CHECKING:
    from tests.projection.conftest import Clouds

PATIENCE = 60.0  # a process starts slowly on a busy machine


@pytest.fixture(scope="module")
def process() -> Iterator[MapProcess]:
    """A map process; each test begins a map of its own in it, with keys of its own."""
    with MapProcess(frames_per_second=50) as started:
        yield started


@pytest.fixture
def settled(process: MapProcess, few: Clouds, request: pytest.FixtureRequest) -> Frame:
    """The first map at rest. What was told before it has been read or dropped."""
    process.send(begin(few, request.node.name))
    return frame_of(process, request.node.name, "settled")


def until(process: MapProcess, wanted: Callable[[Frame | Failed], bool]) -> Frame | Failed:
    """The first thing told that is wanted."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = process.poll(1.0)
        if told is not None and wanted(told):
            return told
    raise AssertionError("it was never told")


def frame_of(process: MapProcess, key: object, status: str | None = None) -> Frame:
    """The next frame of a key, in a status where one is named."""
    told = until(process, lambda t: isinstance(t, Frame) and t.key == key and status in (None, t.status))
    assert isinstance(told, Frame)
    return told


def failure_of(process: MapProcess) -> Failed:
    told = until(process, lambda t: isinstance(t, Failed))
    assert isinstance(told, Failed)
    return told


def begin(clouds: Clouds, key: object = 0, method: str = "tsne") -> Begin:
    return Begin(key, clouds.features(), clouds.labels, clouds.target, method)


def gone(pid: int) -> bool:
    """Whether no process has this number, waiting a little for it to go."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_map_begins_moves_settles_and_rests(process: MapProcess, few: Clouds) -> None:
    process.send(begin(few, "first"))
    first = frame_of(process, "first")
    settled = frame_of(process, "first", "settled")
    assert (first.status, first.iteration, first.positions.shape) == ("settling", 0, (300, 2))  # the principal axes, at once
    assert settled.seq > first.seq
    assert process.poll(0.5) is None  # at rest, nothing is sent
    process.send(Move((1, "step 40"), few.features(1.0)))
    moved = frame_of(process, (1, "step 40"))
    assert np.linalg.norm(moved.positions - settled.positions, axis=1).mean() < 0.3
    last = frame_of(process, (1, "step 40"), "settled")
    assert last.target_purity_map is not None
    assert last.target_purity_map < 0.3


def test_the_same_map_as_without_a_process(settled: Frame, few: Clouds) -> None:
    from lorasteer.projection.embedding import Embedding

    here = Embedding.begin(few.features(), few.labels, few.target)
    while here.status == "settling":
        here = here.step()
    np.testing.assert_array_equal(settled.positions, here.picture.positions)


def test_newest_features_win(process: MapProcess, few: Clouds) -> None:
    process.send(begin(few, "axes", "pca"))
    frame_of(process, "axes")
    for key in range(1, 200):
        process.send(Move(key, few.features(key / 199)))
    seen = []
    until(process, lambda told: isinstance(told, Frame) and (seen.append(told.key) or told.key == 199))
    assert len(seen) < 150
    assert seen == sorted(seen)


def test_newest_frame_wins_with_a_slow_reader(process: MapProcess, few: Clouds) -> None:
    process.send(begin(few, "slow"))
    first = frame_of(process, "slow")
    time.sleep(1.0)
    late = process.poll(PATIENCE)
    assert isinstance(late, Frame)
    assert late.seq > first.seq + 1  # those between were dropped, not queued


def test_undo_brings_positions_back_to_the_bit(process: MapProcess, settled: Frame, few: Clouds) -> None:
    process.send(Move(1, few.features(1.0)))
    frame_of(process, 1, "settled")
    process.send(Restore("back", settled, few.features(), few.labels, few.target))
    back = frame_of(process, "back")
    np.testing.assert_array_equal(back.positions, settled.positions)
    assert (back.status, back.iteration, back.scale) == ("settled", settled.iteration, settled.scale)
    assert process.poll(0.3) is None


def test_another_process_goes_on_with_a_stored_map(settled: Frame, few: Clouds) -> None:
    with MapProcess() as second:
        second.send(Restore(0, settled, few.features(), few.labels, few.target))
        np.testing.assert_array_equal(frame_of(second, 0).positions, settled.positions)


def test_other_points_take_the_place_of_the_sample(process: MapProcess, settled: Frame, few: Clouds) -> None:
    half = slice(0, 150)
    process.send(Replace("half", few.features()[half], few.labels[half], settled.positions[half], few.target[half]))
    assert frame_of(process, "half").positions.shape == (150, 2)


def test_a_pause_stops_the_points_and_still_answers(process: MapProcess, few: Clouds) -> None:
    process.send(Pause())
    process.send(begin(few, "paused"))
    assert frame_of(process, "paused").iteration == 0
    assert process.poll(0.5) is None
    process.send(Move("meanwhile", few.features(0.5)))
    assert frame_of(process, "meanwhile").iteration == 0
    process.send(Pause(False))
    assert frame_of(process, "meanwhile").iteration > 0


def test_bad_features_are_refused_and_the_map_stays(process: MapProcess, settled: Frame, few: Clouds) -> None:
    process.send(Move(2, few.features() * np.float32("nan")))
    told = failure_of(process)
    assert (told.key, "not finite" in told.message) == (2, True)
    process.send(Move(3, few.features()))
    after = frame_of(process, 3)
    assert np.linalg.norm(after.positions - settled.positions, axis=1).mean() < 0.1
    assert process.alive


def test_what_nobody_foresaw_is_told_and_the_process_lives(process: MapProcess, settled: Frame, few: Clouds) -> None:
    process.send(Begin("odd", few.features(), [0] * 300))  # type: ignore[arg-type]
    assert failure_of(process).message.startswith("the map failed: AttributeError: ")
    process.send(Move("after", few.features()))
    assert np.linalg.norm(frame_of(process, "after").positions - settled.positions, axis=1).mean() < 0.1


def test_features_are_followed_for_a_whole_refresh_before_newer_ones(process: MapProcess, settled: Frame, few: Clouds) -> None:
    shown = set()
    for key in range(60):
        process.send(Move(key, few.features(key / 59)))
        told = process.poll(0.05)
        shown |= {told.key} if isinstance(told, Frame) else set()
    last = frame_of(process, 59)
    refreshes = (last.iteration - settled.iteration) / REFRESH
    assert 2 < len(shown) <= refreshes + 2  # the newest may have just begun, and so may the first


def test_frames_come_at_no_more_than_the_pace_asked_for(few: Clouds) -> None:
    with MapProcess(frames_per_second=4) as slow:
        slow.send(begin(few))
        first = frame_of(slow, 0)
        start = time.monotonic()
        last = frame_of(slow, 0, "settled")
        assert last.seq - first.seq <= 1 + 4 * (time.monotonic() - start)


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="priorities are known on POSIX only")
def test_a_map_gives_way_to_others(process: MapProcess, settled: Frame) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= min(19, ours + 10)


def test_many_failures_do_not_pile_up(process: MapProcess, settled: Frame, few: Clouds) -> None:
    for key in range(100):
        process.send(Replace(key, few.features(), few.labels, np.zeros((1, 2), np.float32)))
        time.sleep(0.005)
    told: list[Frame | Failed] = []
    until(process, lambda t: told.append(t) or t.key == 99)  # type: ignore[func-returns-value]
    assert all(isinstance(t, Failed) for t in told)
    assert process.poll(0.2) is None


def test_a_crash_is_told_and_another_can_be_started(few: Clouds) -> None:
    process = MapProcess()
    process.send(Move(0, few.features()))
    assert failure_of(process) == Failed("there is no map to move. Begin one first.", 0)
    os.kill(process.pid, signal.SIGKILL)
    assert "has ended" in failure_of(process).message
    assert not process.alive
    with pytest.raises(SessionError, match="Start another"):
        process.send(Move(1, few.features()))
    process.close()
    with MapProcess() as second:
        assert second.alive


def test_close_leaves_no_process_and_no_thread(few: Clouds) -> None:
    before = threading.active_count()
    process = MapProcess()
    process.send(begin(few))
    process.close()
    process.close()
    assert gone(process.pid)
    assert (process.alive, threading.active_count()) == (False, before)
    assert process.poll(0.1) is None or isinstance(process.poll(), Frame)


def test_close_while_much_is_being_sent(few: Clouds) -> None:
    process = MapProcess()
    large = np.zeros((20_000, 200), np.float32)  # 16 MB, more than a pipe holds
    process.send(Begin(0, large, np.zeros(20_000, np.int64)))
    started = time.monotonic()
    process.close()
    assert time.monotonic() - started < 5
    assert gone(process.pid)


def test_a_map_dies_with_its_parent() -> None:
    code = (
        "import os, time\n"
        "from lorasteer.projection import MapProcess\n"
        "if __name__ == '__main__':\n"
        "    print(MapProcess().pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != parent.pid
    parent.kill()
    assert parent.communicate(timeout=PATIENCE)[0] == ""  # the map process holds the other end while it lives


def test_talking_to_a_map_needs_no_heavy_library() -> None:
    code = "import sys, lorasteer.projection; assert not {'torch', 'openTSNE', 'sklearn', 'umap'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_outdated_is_not_sent(few: Clouds) -> None:
    features = few.features()
    first, again = begin(few, 0), begin(few, 5)
    waiting: list[Message] = []
    for message in (first, Move(1, features), Pause(), Move(2, features), Replace(3, features, few.labels, features)):
        waiting = queued(waiting, message)
    assert [getattr(message, "key", "pause") for message in waiting] == [0, "pause", 3]
    assert queued(waiting, again)[-1] is again
    assert [type(message) for message in queued(waiting, again)] == [Pause, Begin]


def test_no_frames_per_second_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        MapProcess(0)
