"""A disk that fails at the Nth thing asked of it: a write, a flush, a new name, a statement of the database."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
WRITING = ("BEGIN IMMEDIATE", "COMMIT", "CREATE", "DELETE", "INSERT", "PRAGMA journal_mode", "PRAGMA user_version =", "UPDATE")
CALLS: tuple[tuple[Any, str], ...] = (
    (os, "fsync"), (os, "rename"), (os, "replace"), (os, "mkdir"), (Path, "touch"), (shutil, "copyfile"),
)  # fmt: skip


@dataclass
class Disk:
    """Counts what is asked of the disk and refuses what it shall.

    Args:
        failing: Number of the call that fails, counted from 1.
        lasting: Whether all later calls fail too, as on a full disk; else only this one does.
    """

    failing: int
    lasting: bool
    asked: int = 0

    def refuses(self) -> bool:
        """Whether this call fails."""
        self.asked += 1
        return self.asked == self.failing or (self.lasting and self.asked > self.failing)

    @property
    def failed(self) -> bool:
        """Whether any call did."""
        return self.asked >= self.failing


@contextmanager
def faulty(failing: int, *, lasting: bool) -> Iterator[Disk]:
    """All writing of this process goes to such a disk while the block runs."""
    disk = Disk(failing, lasting)
    with pytest.MonkeyPatch.context() as patch:
        for place, name in CALLS:
            patch.setattr(place, name, _refusing(disk, getattr(place, name)))
        patch.setattr(Path, "write_text", _write_half(disk, Path.write_text))
        patch.setattr(safetensors.torch, "save_file", _save_half(disk, safetensors.torch.save_file))
        patch.setattr(sqlite3, "connect", _connecting(disk, sqlite3.connect))
        yield disk


def _refusing(disk: Disk, call: Callable[..., Any]) -> Callable[..., Any]:
    def asked(*args: Any, **values: Any) -> Any:
        if disk.refuses():
            raise FULL
        return call(*args, **values)

    return asked


def _write_half(disk: Disk, write: Callable[..., Any]) -> Callable[..., Any]:
    def asked(path: Path, text: str, **values: Any) -> Any:
        if disk.refuses():
            write(path, text[: len(text) // 2], **values)
            raise FULL
        return write(path, text, **values)

    return asked


def _save_half(disk: Disk, save: Callable[..., Any]) -> Callable[..., Any]:
    def asked(tensors: Any, path: Path, **values: Any) -> Any:
        save(tensors, path, **values)
        if disk.refuses():
            os.truncate(path, path.stat().st_size // 2)
            raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    return asked


def _connecting(disk: Disk, connect: Callable[..., Any]) -> Callable[..., Any]:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
            if sql.lstrip().startswith(WRITING) and disk.refuses():
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *values)

    return lambda *args, **values: connect(*args, factory=Connection, **values)
