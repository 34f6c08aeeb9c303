"""A run as a folder: whole or not there, read back as it was, also as it was written before there was an index."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lorasteer.changes import Change, load_change
from lorasteer.errors import StoreError
from lorasteer.records import Snapshot
from lorasteer.store import check_out, is_run, read_run, write_run
from tests.support.errors import refuses
from tests.support.kept import adapter, iteration, run
from tests.support.older import write_older


def kept() -> Snapshot:
    return Snapshot(run=run(state="reviewing", head=1), iteration=iteration(adapter()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(kept(), adapter(), tmp_path / "run")


def test_it_comes_back_as_it_was(folder: Path) -> None:
    assert read_run(folder) == kept()
    assert load_change(folder / "change").record == adapter().record


def test_a_run_folder_is_told_from_others(folder: Path, tmp_path: Path) -> None:
    assert is_run(folder)
    assert not is_run(tmp_path)
    with refuses(StoreError, "no whole run in", "run.json is missing"):
        read_run(tmp_path)


def test_one_flat_record_is_read_too(tmp_path: Path) -> None:
    flat = write_older(tmp_path / "older", adapter())
    found = read_run(tmp_path / "older")
    assert (found.run.id, found.run.head, found.iteration.number) == (flat["id"], 1, 1)
    assert found.iteration.request.model_dump(mode="json") == flat["request"]


def cut_record(folder: Path) -> None:
    path = folder / "run.json"
    path.write_text(path.read_text()[:100])


def other_record(folder: Path) -> None:
    (folder / "run.json").write_text('{"id": "x"}')


def strange_field(folder: Path) -> None:
    flat = json.loads((write_older(folder, adapter()) and folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**flat, "colour": "red"}))


def no_change(folder: Path) -> None:
    (folder / "change" / "change.json").unlink()


@pytest.mark.parametrize("damage", [cut_record, other_record, strange_field, no_change])
def test_a_damaged_folder_is_refused_with_its_reason(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with refuses(StoreError, "no whole run in", "lorasteer unlearn --out"):
        read_run(folder)


class FullDisk:
    """A change whose numbers no longer fit on the disk."""

    def __init__(self, change: Change) -> None:
        self.record = change.record

    def write(self, folder: Path) -> None:
        (folder / "half.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with refuses(StoreError, "No space left on device"):
        write_run(kept(), FullDisk(adapter()), tmp_path / "run")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


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
