"""Something to take away, as one file in a folder of the store that is emptied when the workbench is closed."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

from lorasteer.errors import SessionError, StoreError
from lorasteer.export import report
from lorasteer.records import Snapshot
from lorasteer.session import Session
from lorasteer.session.history import BASE
from lorasteer.session.script import take_away
from lorasteer.web import views

Kind = Literal["adapter", "merged", "report"]
FOLDER = "exports"
_WORDS = {
    "adapter": "LoRA adapter with its report; unpack it, then `PeftModel.from_pretrained(model, folder)`.",
    "merged": "whole model with its report; unpack it, then `lorasteer evaluate FOLDER` or `lorasteer.load_base(folder)`.",
    "report": "report in Markdown: what was asked, done and measured.",
}


def export(session: Session, number: int, kind: Kind, folder: Path) -> tuple[views.Export, Path]:
    """Write an iteration to take away.

    Args:
        session: The session.
        number: The iteration.
        kind: What to write.
        folder: Where to; the file there has a name that nobody outside chose.

    Raises:
        SessionError: There is no such iteration, or it is the base.
        PlanError: The change is no adapter.
        StoreError: The disk is full or cannot be written.
    """
    if number == BASE:
        raise SessionError("the untouched base has nothing to export; name an iteration from 1 on.")
    iteration = session.past[number]
    place = folder / secrets.token_hex(8)
    try:
        place.mkdir(parents=True)
        path = _written(session, number, kind, place)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise StoreError(f"cannot write the export into {folder}: {error}. Free some space and try again.") from error
    file = f"{session.id}-{iteration.number}-{path.name}"
    return views.Export(file=file, bytes=path.stat().st_size, words=_WORDS[kind]), path


def _written(session: Session, number: int, kind: Kind, place: Path) -> Path:
    if kind == "report":
        path = place / "report.md"
        kept = Snapshot(run=session.store.load(session.id), iteration=session.past[number])
        path.write_text(report(kept), encoding="utf-8")
        return path
    path = place / f"{kind}.zip"
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = take_away(session, Path(temporary) / kind, number, merged=kind == "merged")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{kind}/{file.name}")
    return path


def clean(store: Path) -> None:
    """Remove what was exported."""
    shutil.rmtree(store / FOLDER, ignore_errors=True)
