"""Where remembered activations lie: in memory, or appended to a file that several processes may share.

A store holds one row for each example it has been given, found again by the example's position in its part of the data. The
file form is append-only: rows are written and flushed before the index that names them is replaced, so a reader, or a process
that starts after a crash, sees a row completely or not at all.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.errors import StoreError
from lorasteer.tasks.splits import Index
from lorasteer.tasks.tensors import replacing

Shapes = tuple[tuple[int, ...], ...]


class RowStore(Protocol):
    """Rows of float32 numbers by position."""

    def missing(self, index: Index) -> Index:
        """Those of the positions that have no row yet, each once, sorted."""
        ...

    def append(self, index: Index, rows: Sequence[Tensor]) -> None:
        """Keep a row for each position; rows is one tensor per slot, each [len(index), ...]."""
        ...

    def take(self, index: Index) -> list[Tensor]:
        """Rows of positions that are there, one tensor per slot, each [len(index), ...]."""
        ...


class MemoryRows:
    """Rows in memory.

    Args:
        size: Number of examples in the part.
    """

    def __init__(self, size: int) -> None:
        self._place = np.full(size, -1, np.int64)
        self._count = 0
        self._blocks: list[list[Tensor]] = []

    def missing(self, index: Index) -> Index:
        """Positions without a row, each once, sorted."""
        unique = np.unique(index)
        return unique[self._place[unique] < 0]

    def append(self, index: Index, rows: Sequence[Tensor]) -> None:
        """Keep a row for each position."""
        self._blocks.append([row.detach() for row in rows])
        self._place[index] = self._count + np.arange(len(index))
        self._count += len(index)

    def take(self, index: Index) -> list[Tensor]:
        """Rows of these positions."""
        if len(self._blocks) > 1:  # joined when first read, so that appending many blocks stays linear
            self._blocks = [[torch.cat(slot) for slot in zip(*self._blocks, strict=True)]]
        places = torch.from_numpy(self._place[index])
        return [slot[places] for slot in self._blocks[0]]


class DiskRows:
    """Rows in a file, shared by all processes that use the same folder.

    Args:
        folder: Folder of this store alone; made when missing.
        size: Number of examples in the part.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self._size = folder, size
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the cache folder {folder}: {error}. Choose another with --cache.") from error
        self._lock = FileLock(folder / "lock")
        self._place, self._shapes = self._read_index()

    def _read_index(self) -> tuple[NDArray[np.int64], Shapes]:
        """Places and shapes as they are on disk; none where the index is damaged or names more rows than there are."""
        nothing: tuple[NDArray[np.int64], Shapes] = np.full(self._size, -1, np.int64), ()
        try:
            with (self.folder / "index.npz").open("rb") as file, np.load(file, allow_pickle=False) as saved:
                place, shapes = saved["place"], tuple(tuple(shape) for shape in json.loads(str(saved["shapes"])))
            bytes_needed = (int(place.max()) + 1) * sum(map(math.prod, shapes)) * 4
            whole = len(place) == self._size and (self.folder / "rows.f32").stat().st_size >= bytes_needed
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return nothing
        return (place, shapes) if whole else nothing

    def missing(self, index: Index) -> Index:
        """Positions without a row in the file as it is now, each once, sorted; all of them once somebody emptied the cache."""
        unique = np.unique(index)
        if (self._place[unique] < 0).any() or not (self.folder / "rows.f32").is_file():
            self._place, self._shapes = self._read_index()
        return unique[self._place[unique] < 0]

    def append(self, index: Index, rows: Sequence[Tensor]) -> None:
        """Append rows that no other process has appended meanwhile.

        Raises:
            StoreError: The disk is full; rows written before stay usable.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._place, self._shapes = self._read_index()
                self._append_new(index, rows, self._place[index] < 0)
        except (OSError, StoreError) as error:
            raise StoreError(
                f"cannot remember activations in {self.folder}: {str(error).rstrip('.')}. Rows kept before are intact; "
                "free space or choose another folder with --cache."
            ) from error

    def _append_new(self, index: Index, rows: Sequence[Tensor], new: NDArray[np.bool_]) -> None:
        if not new.any():
            return
        flat = torch.cat([row.detach().float().reshape(len(index), -1) for row in rows], 1).numpy()[new]
        start, place = int(self._place.max()) + 1, self._place.copy()
        place[index[new]] = start + np.arange(len(flat))
        shapes = tuple(tuple(row.shape[1:]) for row in rows)
        self._write(start, flat)
        self._write_index(place, shapes)
        self._place, self._shapes = place, shapes  # only once they are on disk: another process may write over the rest

    def _write(self, start: int, flat: NDArray[np.float32]) -> None:
        path = self.folder / "rows.f32"
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(start * flat.shape[1] * 4)
            file.truncate()  # bytes of a writer that died before it named them
            file.write(np.ascontiguousarray(flat).data)
            file.flush()
            os.fsync(file.fileno())

    def _write_index(self, place: NDArray[np.int64], shapes: Shapes) -> None:
        with replacing(self.folder / "index.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, place=place, shapes=np.array(json.dumps(shapes)))

    def take(self, index: Index) -> list[Tensor]:
        """Rows of these positions, read from the file."""
        widths = [math.prod(shape) for shape in self._shapes]
        named = (int(self._place.max()) + 1, sum(widths))  # behind them may lie bytes that another process is just writing
        table = np.memmap(self.folder / "rows.f32", np.float32, "r", shape=named)
        rows = table[self._place[index]]
        parts = np.split(rows, np.cumsum(widths)[:-1], axis=1)
        return [torch.from_numpy(part.reshape(len(index), *shape)) for part, shape in zip(parts, self._shapes, strict=True)]
