"""Runs as lorasteer wrote them before it had an index: one flat record beside the change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lorasteer.changes import Change, save_change
from tests.support.kept import RUN, iteration, run

RUN_FIELDS = {"id", "created", "base", "base_folder", "data", "data_digest", "versions"}
ITERATION_FIELDS = {"request", "plan", "wording", "splits", "sizes", "change", "evaluations", "floor", "remarks", "seconds"}


def write_older(folder: Path, change: Change, name: str = RUN) -> dict[str, Any]:
    """Write such a folder and return its record."""
    flat: dict[str, Any] = run(name, versions={"lorasteer": "0.1.0"}).model_dump(mode="json", include=RUN_FIELDS)
    flat |= iteration(change).model_dump(mode="json", include=ITERATION_FIELDS)
    save_change(change, folder / "change")
    (folder / "run.json").write_text(json.dumps(flat), encoding="utf-8")
    return flat
