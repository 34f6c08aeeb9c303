"""`kill -9` at random instants: what was acknowledged is there, what is there is whole.

LORASTEER_KILLS sets how often; a few dozen when left out.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from lorasteer.store import RunStore
from tests.support.kept import RUN, adapter, add, filled, kept_base, resume, same
from tests.support.older import write_older
from tests.support.processes import CONTEXT
from tests.support.writer import take_in, write

KILLS = int(os.environ.get("LORASTEER_KILLS", "25"))
EACH = 5  # kills of one store before a fresh one is taken
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def kill_after(seconds: float, work: Callable[[str, Connection], None], root: Path) -> int:
    """Let another process work on a store, kill it after so many seconds, and return the last number it told."""
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=work, args=(str(root), there))
    process.start()
    there.close()
    told = int(here.recv())
    time.sleep(seconds)
    process.kill()
    process.join()
    try:
        while here.poll():
            told = int(here.recv())
    except EOFError:
        pass
    return told


@pytest.mark.parametrize("seed", range((KILLS + EACH - 1) // EACH))
def test_after_kill_9_a_store_is_whole(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    filled(tmp_path, iterations=1)
    for _ in range(EACH):
        told = kill_after(generator.uniform(0, 0.25), write, tmp_path)
        store = RunStore(tmp_path)
        last = len(store.iterations(RUN))
        assert told <= last <= told + 1
        assert store.load(RUN).head in (last, last - 1)
        assert store.change(RUN, last, kept_base()).record == adapter(last).record
        assert same(store.resume(RUN, last), resume(last))
        assert store.verify() == []
    store.gc()
    assert (store.unreachable(), store.verify()) == ([], [])
    assert add(store, last + 1, parent=last).number == last + 1


@pytest.mark.parametrize("seed", range((KILLS + EACH - 1) // EACH))
def test_after_kill_9_all_older_runs_are_there(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    names = {write_older(tmp_path / f"run{number}", adapter(number), f"run{number}")["id"] for number in range(5)}
    for _ in range(EACH):
        kill_after(generator.uniform(0, 0.1), take_in, tmp_path)
    store = RunStore(tmp_path)
    assert {found.id for found in store.list()} == names
    assert store.verify() == []
