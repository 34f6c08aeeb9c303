"""The whole model with a change put into its weights, as a base of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from lorasteer.changes import Change
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.tensors import replacing_folder, write_text

MERGED_FILES = ("model.safetensors", "base.json", "export.json")


def export_merged(change: Change, base: Base, folder: Path | str, *, strength: float | None = None) -> Path:
    """Write `model.safetensors`, `base.json` and `export.json`; `load_base` reads the folder.

    The record keeps what is still true of the model (architecture, classes, data, preprocessing) and states no recipe, because
    training by the base's recipe does not give these weights. `export.json` says which base and which change they come from.

    Args:
        change: Any change.
        base: The base it was made for.
        folder: Where to; it appears whole, in place of what was there.
        strength: 0 to 1.5; the change's own when left out.

    Raises:
        WeightsError: The change was made for another base, or the strength is out of range.
        StoreError: The folder cannot be written.
    """
    model = change.merged(base, strength=strength)
    merged = replace(base, record=base.record.model_copy(update={"fit": None, "seconds": 0.0, "weights": ""}), model=model)
    origin = {
        "base": base.digest,
        "change": change.record.model_dump(mode="json"),
        "strength": change.record.strength if strength is None else strength,
        "weights": merged.digest,
    }
    with replacing_folder(Path(folder)) as temporary:
        save_base(merged, temporary)
        write_text(temporary / "export.json", json.dumps(origin, indent=1, sort_keys=True))
    return Path(folder)
