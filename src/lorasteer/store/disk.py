"""Files that survive a power cut: written, flushed to the disk, then given their name."""

from __future__ import annotations

import os
from pathlib import Path

from lorasteer.errors import StoreError


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such call for folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, the folder last."""
    inside = sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True)
    for path in [*inside, folder]:
        flush(path)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cannot_write(path: Path, error: OSError) -> StoreError:
    """A failed write as one line."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return StoreError(
        f"cannot write {path}: {reason}. Nothing that was there is lost; free space or choose another folder, then run again."
    )
