"""Runs are kept whole, found by part of their id, and listed with the reason where they are damaged."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lorasteer.changes import Change, load_change
from lorasteer.errors import StoreError, WeightsError
from lorasteer.session import run_record
from lorasteer.store import RunRecord, RunStore, check_out, is_run, read_run
from tests.support.digits import bench, forgotten, small_base
from tests.support.errors import refuses


def record(name: str = "20260101-000000-aaaaaa") -> RunRecord:
    return run_record(bench(), forgotten(), "base").model_copy(update={"id": name})


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    kept = RunStore(tmp_path / "runs")
    for name in ("20260101-000000-aaaaaa", "20260102-000000-bbbbbb"):
        kept.add(record(name), forgotten().change)
    return kept


def test_a_run_comes_back_as_it_was(store: RunStore) -> None:
    assert store.load("20260101-000000-aaaaaa") == record()
    assert store.change("20260101-000000-aaaaaa", small_base()).record == forgotten().change.record
    assert RunRecord.from_json(record().to_json()) == record()


def test_newest_first(store: RunStore) -> None:
    assert [found.id for found in store.list()] == ["20260102-000000-bbbbbb", "20260101-000000-aaaaaa"]
    assert all(found.record and not found.damage for found in store.list())


def test_an_empty_store_lists_nothing(tmp_path: Path) -> None:
    assert RunStore(tmp_path / "nothing").list() == ()
    with refuses(StoreError, "no run 'x'", "holds none yet"):
        RunStore(tmp_path / "nothing").load("x")


@pytest.mark.parametrize("name", ["20260102", "bbbbbb", "20260102-000000-bbbbbb"])
def test_found_by_a_unique_part(store: RunStore, name: str) -> None:
    assert store.load(name).id == "20260102-000000-bbbbbb"


def test_an_ambiguous_or_unknown_name_is_refused(store: RunStore) -> None:
    with refuses(StoreError, "'2026' may mean any of 2 runs"):
        store.load("2026")
    with refuses(StoreError, "no run 'cccccc'", "20260101-000000-aaaaaa"):
        store.load("cccccc")


def test_a_name_is_taken_once(store: RunStore) -> None:
    with refuses(StoreError, "is kept already"):
        store.add(record(), forgotten().change)


def test_removed_for_good(store: RunStore) -> None:
    assert store.remove("aaaaaa") == "20260101-000000-aaaaaa"
    assert [found.id for found in store.list()] == ["20260102-000000-bbbbbb"]


def cut_record(folder: Path) -> None:
    path = folder / "run.json"
    path.write_text(path.read_text()[:100])


def other_record(folder: Path) -> None:
    (folder / "run.json").write_text('{"id": "x"}')


def no_record(folder: Path) -> None:
    (folder / "run.json").unlink()


def no_change(folder: Path) -> None:
    (folder / "change" / "change.json").unlink()


@pytest.mark.parametrize("damage", [cut_record, other_record, no_record, no_change])
def test_a_damaged_run_is_listed_with_its_reason(store: RunStore, damage: object) -> None:
    assert callable(damage)
    damage(store.root / "20260101-000000-aaaaaa")
    whole, damaged = store.list()
    assert whole.record is not None
    assert damaged.record is None
    assert ".json" in damaged.damage
    assert "\n" not in damaged.damage
    with refuses(StoreError, "is damaged", "lorasteer runs rm 20260101-000000-aaaaaa"):
        store.load("aaaaaa")
    assert store.remove("aaaaaa")


def test_an_altered_change_is_refused(store: RunStore) -> None:
    path = store.root / "20260101-000000-aaaaaa" / "change" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\x01\x02\x03\x04")
    with refuses(WeightsError, "it was altered"):
        store.change("aaaaaa")


class FullDisk:
    """A change whose numbers no longer fit on the disk."""

    def __init__(self, change: Change) -> None:
        self.record = change.record

    def write(self, folder: Path) -> None:
        (folder / "half.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = RunStore(tmp_path / "runs")
    with refuses(StoreError, "No space left on device"):
        kept.add(record(), FullDisk(forgotten().change))  # type: ignore[arg-type]
    assert list(kept.root.iterdir()) == []


def test_a_run_folder_is_told_from_others(store: RunStore, tmp_path: Path) -> None:
    folder = store.root / "20260101-000000-aaaaaa"
    assert is_run(folder)
    assert not is_run(tmp_path)
    assert read_run(folder) == record()
    with refuses(StoreError, "no whole run in", "run.json is missing"):
        read_run(tmp_path)


def test_the_kept_change_gives_the_same_model(store: RunStore) -> None:
    change = load_change(store.root / "20260101-000000-aaaaaa" / "change")
    pixels = torch.randn(4, 1, 8, 8)
    ours, theirs = forgotten().change.apply(small_base()), change.apply(small_base())
    assert torch.equal(ours(pixels), theirs(pixels))


class TestCheckOut:
    def test_a_new_folder_is_not_made_yet(self, tmp_path: Path) -> None:
        assert check_out(tmp_path / "a" / "b", ("run.json",)) == tmp_path / "a" / "b"
        assert list(tmp_path.iterdir()) == []

    def test_foreign_files_are_never_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        with refuses(StoreError, "thesis.tex", "empty or new folder"):
            check_out(tmp_path, ("run.json",), overwrite=True)

    def test_an_older_result_only_when_asked(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text("{}")
        with refuses(StoreError, "--overwrite"):
            check_out(tmp_path, ("run.json",))
        assert check_out(tmp_path, ("run.json",), overwrite=True) == tmp_path

    def test_a_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with refuses(StoreError, "cannot write into", "--out"):
            check_out(tmp_path / "file" / "below", ("run.json",))


def test_ids_differ_between_rounds() -> None:
    one = run_record(bench(), forgotten())
    other = run_record(bench(), replace(forgotten(), remarks=()))
    assert one.id != other.id
