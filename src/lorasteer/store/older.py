"""Runs from before there was an index: one folder each beside it. They are taken into a new index once and left as they lie."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from lorasteer.errors import UserError, WeightsError
from lorasteer.records import Snapshot
from lorasteer.store import rows
from lorasteer.store.blobs import Blobs, digests_in
from lorasteer.store.folder import CHANGE, is_run, read_run

ACTOR = "lorasteer"


def older_runs(root: Path) -> list[Path]:
    """Folders of runs that lie under a root as lorasteer wrote them before it had an index."""
    return sorted(path for path in root.iterdir() if is_run(path)) if root.is_dir() else []


def take_in(root: Path, connection: sqlite3.Connection) -> None:
    """Add every whole older run to a new index. A damaged one is left where it lies; `verify` names it.

    Raises:
        StoreError: The store cannot be written.
    """
    for folder in older_runs(root):
        try:
            kept, names = check_older(folder)
        except UserError:
            continue
        _add(root, connection, kept, names, folder / CHANGE)


def check_older(folder: Path) -> tuple[Snapshot, dict[str, str]]:
    """What such a folder says, and the names and digests of the files of its change.

    Raises:
        StoreError: The folder is damaged.
        WeightsError: A file of the change is missing or altered.
    """
    return read_run(folder), _checked_files(folder / CHANGE)


def _add(root: Path, connection: sqlite3.Connection, kept: Snapshot, names: dict[str, str], source: Path) -> None:
    blob = Blobs(root).keep_files(source, names, kept.iteration.change)
    rows.add_run(connection, kept.run, actor=ACTOR, detail={"taken_in": source.parent.name})
    detail = rows.add_iteration(connection, kept.run.id, kept.iteration, blob, None, state=kept.run.state)
    rows.add_event(connection, kept.run.id, actor=ACTOR, action=kept.iteration.action, detail=detail)


def _checked_files(folder: Path) -> dict[str, str]:
    """Files of a change that `save_change` wrote, after comparing each with its digest.

    Raises:
        WeightsError: One is missing or altered.
    """
    try:
        names = dict(json.loads((folder / "change.json").read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / 'change.json'} is damaged: {error}. Restore the folder.") from error
    found = {name: digest for name, digest in digests_in(folder).items() if name != "change.json"}
    if names != found:
        raise WeightsError(f"{folder} does not hold what change.json names; restore the folder.")
    return names
