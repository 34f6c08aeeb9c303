"""Opening what a command works on: runs and changes. Bases and retrained models are opened by `session/opening.py`."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorasteer.errors import StoreError

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.records import Snapshot
    from lorasteer.store import RunStore


def open_store(folder: Path | None) -> RunStore:
    """The store in a folder, or the user's own."""
    from lorasteer.store import RunStore, runs_home

    return RunStore(folder or runs_home())


def actor() -> str:
    """Who is at the keyboard, for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on this system, as in some containers
        return "unknown"


@dataclass(frozen=True)
class Opened:
    """A change by its name.

    Args:
        change: The change.
        kept: The run and iteration it belongs to; None for the folder of a change alone.
    """

    change: Change
    kept: Snapshot | None


def open_change(name: str, store: Path | None) -> Opened:
    """A change by the folder of a run, the folder of a change, or the id of a kept run, perhaps with an iteration of it.

    Raises:
        StoreError: There is nothing of that name.
        WeightsError: It is damaged.
    """
    from lorasteer.changes import load_change
    from lorasteer.store import is_run, read_run
    from lorasteer.store.folder import CHANGE

    folder = Path(name)
    if is_run(folder):
        return Opened(load_change(folder / CHANGE), read_run(folder))
    if folder.is_dir():
        return Opened(load_change(folder), None)
    try:
        kept, (run, number) = open_store(store), run_and_number(name)
        return Opened(kept.change(run, number), kept.snapshot(run, number))
    except StoreError as error:
        if folder.parent != Path() and not folder.exists():
            raise StoreError(f"there is no folder {name}; give the folder or the id of a run.") from error
        raise


def run_and_number(name: str) -> tuple[str, int | None]:
    """The two parts of `RUN:NUMBER`; without a number the head is meant.

    Raises:
        StoreError: What follows the colon is not a whole number.

    Example:
        >>> run_and_number("3f2a1c:2"), run_and_number("3f2a1c")
        (('3f2a1c', 2), ('3f2a1c', None))
    """
    run, colon, number = name.partition(":")
    if colon and not number.isdecimal():
        raise StoreError(f"{name!r} names no iteration; write the run's id, a colon and a whole number, such as {run}:2.")
    return run, int(number) if colon else None
