"""A run as a folder to carry away: `run.json` and `change/`, whole or not there at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorasteer.errors import StoreError, UserError
from lorasteer.records import Iteration, RunRecord, Snapshot

if TYPE_CHECKING:
    from lorasteer.changes import Change

RECORD = "run.json"
CHANGE = "change"


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return (folder / RECORD).is_file()


def write_run(kept: Snapshot, change: Change, folder: Path) -> Path:
    """Write one iteration of a run as a folder that appears whole or not at all.

    Raises:
        StoreError: The folder cannot be written; an older one at the same path is kept.
    """
    from lorasteer.changes import save_change
    from lorasteer.tasks.tensors import replacing_folder, write_text

    with replacing_folder(folder) as temporary:
        save_change(change, temporary / CHANGE)
        write_text(temporary / RECORD, kept.to_json(indent=1))
    return folder


def read_run(folder: Path) -> Snapshot:
    """The run and the iteration in a folder; folders that lorasteer wrote before it had an index are read too.

    Raises:
        StoreError: There is none, or it is damaged; the message says how.
    """
    try:
        if not is_run(folder):
            raise StoreError(f"{RECORD} is missing.")
        kept = _snapshot((folder / RECORD).read_text(encoding="utf-8"))
        if not (folder / CHANGE / "change.json").is_file():
            raise StoreError(f"{CHANGE}/change.json is missing.")
    except (UserError, OSError, ValueError) as error:
        problem = str(error).splitlines()[0].rstrip(".")
        raise StoreError(f"no whole run in {folder}: {problem}. Give a folder that `lorasteer unlearn --out` wrote.") from error
    return kept


def _snapshot(text: str) -> Snapshot:
    """The content of `run.json`, as it is written now or as one flat record, as it was before."""
    values = json.loads(text)
    if isinstance(values, dict) and "request" in values:
        return Snapshot.from_json(json.dumps(_nested(values)))
    return Snapshot.from_json(text)


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    shared = set(RunRecord.model_fields)
    run = {name: value for name, value in flat.items() if name in shared}
    own = {name: value for name, value in flat.items() if name in Iteration.model_fields}
    strange = {name: value for name, value in flat.items() if name not in {*run, *own}}
    return {"run": {**run, "state": "reviewing", "head": 1}, "iteration": {**own, "number": 1}, **strange}


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
