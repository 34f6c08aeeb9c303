"""One process writes at a time; the others are told who, and death gives the right back."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from lorasteer.errors import StoreError
from lorasteer.store import RunStore, lock, reading
from tests.support.errors import refuses
from tests.support.kept import RUN, add, filled, run
from tests.support.processes import CONTEXT
from tests.support.writer import hold


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return filled(tmp_path)


@pytest.fixture
def holder(store: RunStore) -> Iterator[tuple[BaseProcess, Connection]]:
    """Another process that holds the right to write until it is told to let go."""
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=hold, args=(str(store.root), there))
    process.start()
    assert here.recv() == "held"
    yield process, here
    process.kill()
    process.join()


Holder = tuple[BaseProcess, Connection]


def test_who_writes_is_told(store: RunStore, holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAIT", 0.05)
    process, _ = holder
    words = (f"process {process.pid} on {socket.gethostname()} since 20", "one process at a time", "reading is possible")
    with refuses(StoreError, str(store.root), *words), store.writing():
        pass
    with refuses(StoreError, *words):
        add(store, 4)
    assert len(store.iterations(RUN)) == 3
    assert store.verify() == []


def test_death_gives_the_right_back(store: RunStore, holder: Holder) -> None:
    process, _ = holder
    process.kill()
    process.join()
    add(store, 4)
    assert store.load(RUN).head == 4


def test_a_write_waits_for_a_short_one(store: RunStore, holder: Holder) -> None:
    _, connection = holder
    timer = threading.Timer(0.1, lambda: connection.send("let go"))
    timer.start()
    add(store, 4)
    timer.join()
    assert store.load(RUN).head == 4


def test_a_lost_note_of_the_holder_is_no_harm(store: RunStore, holder: Holder) -> None:
    (store.root / lock.HOLDER).write_text("{")
    with refuses(StoreError, "another process"), store.writing():
        pass


def test_blocks_nest_and_overlap_in_one_process(store: RunStore) -> None:
    with store.writing(), RunStore(store.root).writing():
        add(store, 4)
        noted = json.loads((store.root / lock.HOLDER).read_text())
        assert noted["pid"] == os.getpid()
    assert not (store.root / lock.HOLDER).exists()


def test_a_run_is_steered_by_one_at_a_time(store: RunStore) -> None:
    with store.steering(RUN), store.steering("another"):
        with refuses(StoreError, f"run {RUN} is steered by another session"), RunStore(store.root).steering(RUN):
            pass
        add(store, 4)
    with store.steering(RUN):
        pass
    assert not (store.root / lock.HOLDER).exists()


def test_threads_of_one_process_take_turns(store: RunStore) -> None:
    def work(name: str) -> None:
        store.begin(run(name), actor=name)
        for number in (1, 2, 3):
            add(store, number, run_id=name)
            store.move(name, head=1, actor=name, action="undo")

    with store.writing():
        threads = [threading.Thread(target=work, args=(f"run{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert store.verify() == []
    assert [len(store.events(f"run{number}")) for number in range(3)] == [7, 7, 7]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refuses(StoreError, "cannot write into", "--store"):
        RunStore(tmp_path / "file" / "runs").begin(run(), actor="me")
