"""Alterations of a store behind its back, which `verify` has to name."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from lorasteer.store import RunStore
from lorasteer.store.index import NAME


def edit(store: RunStore, *statements: str) -> None:
    """Edit the index as a person with a database tool would, guards taken away."""
    connection = sqlite3.connect(store.root / NAME)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def blob(store: RunStore, number: int, column: str = "change") -> Path:
    """Folder of the numbers, or of the state of training, of an iteration of the only run."""
    connection = sqlite3.connect(store.root / NAME)
    name = connection.execute(f"SELECT {column} FROM iterations WHERE number = ?", (number,)).fetchone()[0]
    connection.close()
    return store.root / "blobs" / str(name)


def flip(path: Path) -> None:
    """Turn the last bit of a file."""
    text = bytearray(path.read_bytes())
    text[-1] ^= 1
    path.write_bytes(bytes(text))


def flipped_bit(store: RunStore) -> None:
    """One bit of an adapter is another."""
    flip(blob(store, 1) / "adapter_model.safetensors")


def edited_alpha(store: RunStore) -> None:
    """An adapter is scaled otherwise."""
    path = blob(store, 1) / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "lora_alpha": 99}))


def foreign_base(store: RunStore) -> None:
    """Runs name another base than their changes were made for."""
    edit(store, f"UPDATE runs SET base = '{'f' * 64}'")
