"""Whatever fails while a store is written, it holds the old state or the new one, says so in one line, and goes on afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lorasteer.errors import StoreError
from lorasteer.records import Snapshot
from lorasteer.store import RunStore, index
from lorasteer.store.schema import MIGRATIONS
from tests.support.faults import faulty
from tests.support.kept import RUN, add, filled, iteration, run, weights
from tests.support.older import write_older

OTHER = "20260102-000000-bbbbbb"
Work = Callable[[RunStore], object]


def kept_one(root: Path) -> None:
    filled(root, iterations=2)


def older_schema(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "MIGRATIONS", MIGRATIONS[:1])
        patch.setattr(index, "VERSION", 1)
        kept_one(root)


def older_folder(root: Path) -> None:
    write_older(root / RUN, weights())


def room_to_free(root: Path) -> None:
    kept_one(root)
    store = RunStore(root)
    store.begin(run(OTHER), actor="me")
    store.remove(RUN)


def nothing(root: Path) -> None:
    root.mkdir()


def add_run(store: RunStore) -> None:
    change = weights()
    store.add(Snapshot(run=run(OTHER, state="reviewing"), iteration=iteration(change)), change, actor="me")


WORK: dict[str, tuple[Callable[[Path], None], Work]] = {
    "begin": (nothing, lambda store: store.begin(run(), actor="me")),
    "add a run": (kept_one, add_run),
    "add an iteration": (kept_one, lambda store: add(store, 3)),
    "move": (kept_one, lambda store: store.move(RUN, head=1, actor="me", action="undo")),
    "remove": (kept_one, lambda store: store.remove(RUN)),
    "collect": (room_to_free, lambda store: store.gc()),
    "migrate": (older_schema, lambda store: store.list()),
    "take in": (older_folder, lambda store: store.list()),
}


def state(store: RunStore) -> Any:
    """All that a store says of its runs; hashes of events, which cover the time, are left out."""
    return [
        (found.record, store.iterations(found.id), [(event.action, event.detail) for event in store.events(found.id)])
        for found in store.list()
    ]


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "full"])
@pytest.mark.parametrize("name", WORK)
def test_old_or_new_and_never_between(tmp_path: Path, name: str, lasting: bool) -> None:
    prepare, work = WORK[name]
    prepare(tmp_path / "before")
    new = RunStore(copied(tmp_path / "before", tmp_path / "new"))
    work(new)
    states = [state(RunStore(copied(tmp_path / "before", tmp_path / "old"))), state(new)]
    for failing in range(1, 200):
        root = copied(tmp_path / "before", tmp_path / "faulty")
        with faulty(failing, lasting=lasting) as disk:
            refusal = refused(work, RunStore(root))
        if not disk.failed:
            break
        check(root, refusal, states)
        if refusal:
            work(RunStore(root))
        assert state(RunStore(root)) == states[1]
    assert not refusal
    assert failing > 3


def refused(work: Work, store: RunStore) -> str:
    try:
        work(store)
    except StoreError as error:
        return str(error)
    return ""


def copied(source: Path, target: Path) -> Path:
    """A copy of a store in the place of an older copy."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def check(root: Path, refusal: str, states: Sequence[Any]) -> None:
    """One line was said, nothing half-written is reachable, and the next to come finds a clean store. Done on a copy."""
    assert "\n" not in refusal
    assert not refusal or "No space left on device" in refusal or "disk is full" in refusal, refusal
    store = RunStore(copied(root, root.with_name("checked")))
    found = state(store)
    assert found in states if refusal else found == states[1]
    assert store.verify() == []
    store.gc()
    assert (store.unreachable(), state(store)) == ([], found)
