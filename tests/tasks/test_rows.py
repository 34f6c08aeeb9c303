"""Remembered rows: the same from memory and from a file, shared by processes, whole after a crash or a full disk."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import lorasteer
from lorasteer.errors import StoreError
from lorasteer.tasks import rows as rows_module
from lorasteer.tasks.rows import DiskRows, MemoryRows, RowStore
from tests.support.errors import refuses

SIZE = 40


def truth(index: np.ndarray) -> list[Tensor]:
    """Two slots whose numbers follow from the position."""
    numbers = torch.from_numpy(index).float()
    return [numbers[:, None, None] + torch.arange(6.0).reshape(2, 3), -numbers]


def right(store: RowStore, index: np.ndarray) -> bool:
    return all(one.equal(other) for one, other in zip(store.take(index), truth(index), strict=True))


def places(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_rows_are_found_again_in_any_order_and_number(kind: str, tmp_path: Path) -> None:
    store: RowStore = MemoryRows(SIZE) if kind == "memory" else DiskRows(tmp_path, SIZE)
    assert store.missing(places(5, 1, 5, 9)).tolist() == [1, 5, 9]
    for block in (places(9, 1), places(5), places(30, 2)):
        store.append(block, truth(block))
    assert store.missing(places(1, 2, 3, 5, 9)).tolist() == [3]
    assert right(store, places(5, 30, 1, 1, 9, 2))
    assert right(store, places(2))
    store.append(places(0), truth(places(0)))
    assert right(store, places(0, 9))


def test_memory_and_disk_give_the_same_bits(tmp_path: Path) -> None:
    index = np.random.default_rng(0).permutation(SIZE)
    rows = [torch.randn(SIZE, 3, 2, generator=torch.Generator().manual_seed(0)), torch.randn(SIZE, 1)]
    memory, disk = MemoryRows(SIZE), DiskRows(tmp_path, SIZE)
    for store in (memory, disk):
        store.append(index[:7], [row[:7] for row in rows])
        store.append(index[7:], [row[7:] for row in rows])
    for one, other in zip(memory.take(np.arange(SIZE)), disk.take(np.arange(SIZE)), strict=True):
        assert one.equal(other)
        assert one.dtype == other.dtype == torch.float32


def test_the_next_process_finds_the_rows(tmp_path: Path) -> None:
    DiskRows(tmp_path, SIZE).append(places(3, 1), truth(places(3, 1)))
    again = DiskRows(tmp_path, SIZE)
    assert again.missing(places(1, 2, 3)).tolist() == [2]
    assert right(again, places(1, 3))


def test_a_cache_that_was_emptied_meanwhile_is_filled_again(tmp_path: Path) -> None:
    store = DiskRows(tmp_path / "rows", SIZE)
    store.append(places(3, 4), truth(places(3, 4)))
    shutil.rmtree(tmp_path / "rows")
    assert store.missing(places(3, 4)).tolist() == [3, 4]
    store.append(places(3, 4), truth(places(3, 4)))
    assert right(store, places(4, 3))


def test_rows_of_another_writer_are_seen_and_not_written_twice(tmp_path: Path) -> None:
    first, second = DiskRows(tmp_path, SIZE), DiskRows(tmp_path, SIZE)
    first.append(places(1, 2), truth(places(1, 2)))
    assert second.missing(places(1, 2, 3)).tolist() == [3]
    second.append(places(2, 3), truth(places(2, 3)))
    assert (tmp_path / "rows.f32").stat().st_size == 3 * 7 * 4
    assert first.missing(places(1, 2, 3)).tolist() == []
    assert right(first, places(3, 2, 1))
    assert right(second, places(3, 2, 1))


@pytest.mark.parametrize("extra", [1, 13, 7 * 4, 100])
def test_bytes_of_a_writer_that_was_killed_are_passed_over_and_cut_off(extra: int, tmp_path: Path) -> None:
    """It wrote rows but not yet the index that names them; a reader must not stumble over half a row either."""
    DiskRows(tmp_path, SIZE).append(places(4, 2), truth(places(4, 2)))
    with (tmp_path / "rows.f32").open("ab") as file:
        file.write(b"\xff" * extra)
    store = DiskRows(tmp_path, SIZE)
    assert right(store, places(2, 4))
    store.append(places(7), truth(places(7)))
    assert right(store, places(7, 4, 2))
    assert (tmp_path / "rows.f32").stat().st_size == 3 * 7 * 4


def test_an_index_that_was_damaged_or_names_too_much_is_started_anew(tmp_path: Path) -> None:
    index, numbers = tmp_path / "index.npz", tmp_path / "rows.f32"

    def truncate_index() -> None:
        index.write_bytes(index.read_bytes()[:50])

    def truncate_rows() -> None:
        numbers.write_bytes(numbers.read_bytes()[:-1])

    for damage in (truncate_index, lambda: index.write_bytes(b""), truncate_rows, numbers.unlink):
        DiskRows(tmp_path, SIZE).append(places(4, 2), truth(places(4, 2)))
        damage()
        store = DiskRows(tmp_path, SIZE)
        assert store.missing(places(2, 4)).tolist() == [2, 4]
        store.append(places(2, 4), truth(places(2, 4)))
        assert right(store, places(4, 2))


def full(real: Callable[..., Any]) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return fail


@pytest.mark.parametrize("call", ["rows", "index"])
def test_a_full_disk_is_one_line_and_earlier_rows_stay(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DiskRows(tmp_path, SIZE)
    store.append(places(4, 2), truth(places(4, 2)))
    where = {"rows": (rows_module.os, "fsync"), "index": (Path, "replace")}[call]
    with monkeypatch.context() as patch:
        patch.setattr(*where, full(getattr(*where)))
        with refuses(StoreError, str(tmp_path), "No space left", "Rows kept before are intact"):
            store.append(places(7), truth(places(7)))
    for reader in (store, DiskRows(tmp_path, SIZE)):
        assert reader.missing(places(2, 4, 7)).tolist() == [7]
        assert right(reader, places(2, 4))
    store.append(places(7), truth(places(7)))
    assert right(DiskRows(tmp_path, SIZE), places(2, 4, 7))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with refuses(StoreError, "cannot make the cache folder", "--cache"):
        DiskRows(tmp_path / "file" / "rows", SIZE)


def test_a_lock_that_cannot_be_taken_is_one_line(tmp_path: Path) -> None:
    store = DiskRows(tmp_path / "rows", SIZE)
    (tmp_path / "rows" / "lock").mkdir()
    with refuses(StoreError, "cannot remember activations"):
        store.append(places(1), truth(places(1)))


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from tests.tasks.test_rows import SIZE, right, truth
from lorasteer.tasks.rows import DiskRows
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
store = DiskRows(folder, SIZE)
(folder / f"ready{seed}").touch()
while not (folder / "ready1").exists() or not (folder / "ready2").exists():
    time.sleep(0.001)
order = np.random.default_rng(seed).permutation(SIZE)
for block in np.split(order, 20):
    missing = store.missing(block)
    if len(missing):
        store.append(missing, truth(missing))
    assert right(store, block), block
assert right(store, order)
"""


def test_two_processes_fill_the_same_folder_at_once(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(Path(lorasteer.__file__).parent.parent), str(root)])
    environment = {**os.environ, "PYTHONPATH": path}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(seed)], env=environment, stderr=subprocess.PIPE, text=True
        )
        for seed in (1, 2)
    ]
    for writer in writers:
        _, complaint = writer.communicate(timeout=120)
        assert writer.returncode == 0, complaint
    assert (tmp_path / "rows.f32").stat().st_size == SIZE * 7 * 4
    assert right(DiskRows(tmp_path, SIZE), np.arange(SIZE))
