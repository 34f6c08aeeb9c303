"""A folder of runs. Each run is a folder that holds `run.json` and `change/`, and appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorasteer.errors import StoreError, UserError, choices
from lorasteer.store.record import RunRecord

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.tasks.base import Base

RECORD = "run.json"
CHANGE = "change"


@dataclass(frozen=True)
class Found:
    """A run as it lies in the store.

    Args:
        id: Name of its folder.
        folder: Where it lies.
        record: Its record; None where it is damaged.
        damage: What is wrong with it; empty where nothing is.
    """

    id: str
    folder: Path
    record: RunRecord | None
    damage: str = ""


@dataclass(frozen=True)
class RunStore:
    """Runs in one folder, which is made with the first of them.

    Args:
        root: The folder.
    """

    root: Path

    def add(self, record: RunRecord, change: Change) -> Path:
        """Keep a run; its folder appears whole or not at all.

        Raises:
            StoreError: A run of this name is kept already, or the folder cannot be written.
        """
        folder = self.root / record.id
        if folder.exists():
            raise StoreError(f"run {record.id} is kept already in {self.root}; give the new run another id.")
        return write_run(record, change, folder)

    def list(self) -> tuple[Found, ...]:
        """All runs, the newest first; damaged ones with the reason."""
        folders = [path for path in self.root.iterdir() if _is_name(path)] if self.root.is_dir() else []
        return tuple(_found(folder) for folder in sorted(folders, key=lambda path: path.name, reverse=True))

    def find(self, name: str) -> Found:
        """A run by its id, or by the beginning or end of its id where that is unique.

        Raises:
            StoreError: No run, or more than one, is called so.
        """
        runs = {path.name for path in self.root.iterdir() if _is_name(path)} if self.root.is_dir() else set()
        fitting = {name} & runs or {run for run in runs if name and (run.startswith(name) or run.endswith(name))}
        if len(fitting) == 1:
            return _found(self.root / fitting.pop())
        if fitting:
            raise StoreError(
                f"{name!r} may mean any of {len(fitting)} runs: {', '.join(sorted(fitting)[:5])}. Give more of its id."
            )
        known = choices(name, sorted(runs, reverse=True)) if runs else "It holds none yet."
        raise StoreError(f"no run {name!r} in {self.root}. {known}")

    def load(self, name: str) -> RunRecord:
        """The record of a run.

        Raises:
            StoreError: There is no such run, or it is damaged.
        """
        found = self.find(name)
        if found.record is None:
            raise StoreError(f"run {found.id} is damaged: {found.damage} Remove it with `lorasteer runs rm {found.id}`.")
        return found.record

    def change(self, name: str, base: Base | None = None) -> Change:
        """The change of a run, checked against its digests.

        Raises:
            StoreError: There is no such run.
            WeightsError: The change is damaged or belongs to another base.
        """
        from lorasteer.changes import load_change

        return load_change(self.find(name).folder / CHANGE, base)

    def remove(self, name: str) -> str:
        """Remove a run for good and return its id.

        Raises:
            StoreError: There is no such run, or it cannot be removed.
        """
        found = self.find(name)
        try:
            shutil.rmtree(found.folder)
        except OSError as error:
            raise StoreError(f"run {found.id} cannot be removed: {error}. Remove {found.folder} by hand.") from error
        return found.id


def _is_name(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")  # a dot marks a folder that is still being written


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return (folder / RECORD).is_file()


def write_run(record: RunRecord, change: Change, folder: Path) -> Path:
    """Write a run as a folder that appears whole or not at all.

    Raises:
        StoreError: The folder cannot be written; an older one at the same path is kept.
    """
    from lorasteer.changes import save_change
    from lorasteer.tasks.tensors import replacing_folder, write_text

    with replacing_folder(folder) as temporary:
        save_change(change, temporary / CHANGE)
        write_text(temporary / RECORD, record.to_json(indent=1))
    return folder


def read_run(folder: Path) -> RunRecord:
    """The record of the run in a folder.

    Raises:
        StoreError: There is none, or it is damaged; the message says how.
    """
    found = _found(folder)
    if found.record is None:
        raise StoreError(f"no whole run in {folder}: {found.damage} Give a folder that `lorasteer unlearn --out` wrote.")
    return found.record


def _found(folder: Path) -> Found:
    path = folder / RECORD
    if not path.is_file():
        return Found(folder.name, folder, None, f"{RECORD} is missing.")
    try:
        record = RunRecord.from_json(path.read_text(encoding="utf-8"))
    except (UserError, OSError, UnicodeDecodeError) as error:
        return Found(folder.name, folder, None, f"{RECORD} cannot be read: {str(error).splitlines()[0].rstrip('.')}.")
    if not (folder / CHANGE / "change.json").is_file():
        return Found(folder.name, folder, None, f"{CHANGE}/change.json is missing.")
    return Found(folder.name, folder, record)


def check_out(folder: Path, ours: Iterable[str], *, overwrite: bool = False) -> Path:
    """Check, before any work, that a result can be written to a folder and that nothing foreign would be lost.

    Args:
        folder: Where the result shall go; it may not exist yet.
        ours: Names that such a result consists of. A folder that holds anything else is never replaced.
        overwrite: Allow a folder that holds such a result already.

    Returns:
        The folder.

    Raises:
        StoreError: It cannot be written, holds other things, or holds a result and `overwrite` is not given.
    """
    try:
        held = {path.name for path in folder.iterdir()} if folder.exists() else set()
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(f"cannot write into {folder}: {reason}. Choose another folder with --out.") from error
    foreign = sorted(held - set(ours))
    if foreign:
        raise StoreError(
            f"{folder} holds {foreign[0]!r}, which is not of this command, so nothing is written there. "
            "Choose an empty or new folder."
        )
    if held and not overwrite:
        raise StoreError(f"{folder} holds a result already; choose another folder, or give --overwrite to replace it.")
    return folder
