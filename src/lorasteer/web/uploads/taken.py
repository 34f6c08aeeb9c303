"""What was taken in: its kind, its name to show, and where it lies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lorasteer.errors import StoreError

Kind = Literal["base", "images", "npz", "adapter"]
RECORD = "upload.json"


@dataclass(frozen=True)
class Received:
    """An upload that was checked and kept.

    Args:
        id: Random; it has nothing of what the client sent.
        kind: `base` (a folder with base.json and model.safetensors), `images` (a folder, or one image), `npz`, or `adapter`
            (a safetensors file, or a folder as PEFT saves it).
        name: Its name, cleaned to be shown.
        bytes: Size as it was sent.
        path: File or folder to read, inside the server's own folder.
    """

    id: str
    kind: Kind
    name: str
    bytes: int
    path: Path

    def write(self, folder: Path) -> None:
        """Keep what is known beside the content."""
        facts = {"kind": self.kind, "name": self.name, "bytes": self.bytes, "path": self.path.relative_to(folder).as_posix()}
        (folder / RECORD).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def read_received(folder: Path) -> Received:
    """The upload in a folder that `Received.write` wrote to.

    Raises:
        StoreError: There is none, or its record was damaged.
    """
    try:
        facts = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if facts["kind"] not in get_args(Kind):
            raise ValueError(f"kind {facts['kind']!r}")
        return Received(folder.name, facts["kind"], facts["name"], facts["bytes"], folder / facts["path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"upload {folder.name[:12]} cannot be read ({error}). Upload it again.") from error
