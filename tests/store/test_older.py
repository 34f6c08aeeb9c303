"""Runs from before there was an index are taken into it once, and left as they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.errors import StoreError
from lorasteer.store import RunStore
from tests.support.errors import refuses
from tests.support.kept import RUN, adapter, add, kept_base, weights
from tests.support.older import write_older
from tests.support.readonly import read_only

OTHER = "20251231-000000-bbbbbb"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_older(tmp_path / RUN, adapter(), RUN)
    write_older(tmp_path / OTHER, weights(), OTHER)
    return tmp_path


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_they_are_runs_like_all_others(root: Path) -> None:
    store = RunStore(root)
    assert [found.id for found in store.list()] == [RUN, OTHER]
    assert store.change(RUN, base=kept_base()).record == adapter().record
    assert store.change(OTHER).record == weights().record
    assert (store.load(RUN).head, store.load(RUN).state) == (1, "reviewing")
    begun, added = store.events(RUN)
    assert (begun.actor, begun.detail["taken_in"], added.action) == ("lorasteer", RUN, "unlearn")
    add(store, 2)
    assert (len(store.iterations(RUN)), store.verify()) == (2, [])


def test_they_are_left_as_they_lie_and_taken_in_once(root: Path) -> None:
    before = files(root / RUN)
    store = RunStore(root)
    store.remove(RUN)
    store.gc()
    assert files(root / RUN) == before
    assert [found.id for found in RunStore(root).list()] == [OTHER]


def test_a_damaged_one_is_named_and_kept(root: Path) -> None:
    path = root / RUN / "change" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    (root / OTHER / "run.json").write_text("{")
    store = RunStore(root)
    assert store.list() == ()
    problems = list(map(str, store.verify()))
    assert [problem.split(":")[0] for problem in problems] == [f"folder {OTHER}", f"folder {RUN}"]
    assert "does not hold what change.json names" in problems[1]
    assert path.is_file()


def test_where_nothing_can_be_written_it_is_said(root: Path) -> None:
    with read_only(root) as folder, refuses(StoreError, "cannot write into", "Permission denied"):
        RunStore(folder).list()
