"""The order of a write survives a power cut: numbers on the disk, then their names, then the row that names them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.kept import add, filled

Step = tuple[str, object]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What is asked of the disk: flushed files by inode, new names by path, statements by their first words."""
    found: list[Step] = []
    flush, rename, connect = os.fsync, os.rename, sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
            found.append(("sql", " ".join(sql.split()[:3])))
            return super().execute(sql, *values)

    def flushed(handle: int) -> None:
        found.append(("flush", os.fstat(handle).st_ino))
        flush(handle)

    def renamed(source: Path, target: Path) -> None:
        rename(source, target)
        found.append(("name", Path(target)))

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **values: connect(*args, factory=Connection, **values))
    return found


def test_numbers_then_names_then_the_row(tmp_path: Path, steps: list[Step]) -> None:
    store = filled(tmp_path, iterations=1)
    steps.clear()
    add(store, 2)
    row = steps.index(("sql", "INSERT INTO iterations"))
    commit = max(place for place, step in enumerate(steps) if step == ("sql", "COMMIT"))
    named = [(place, step[1]) for place, step in enumerate(steps) if step[0] == "name"]
    assert len(named) == 2
    for place, blob in named:
        assert isinstance(blob, Path)
        inside = [blob, *blob.rglob("*")]
        assert len(inside) >= 3
        for path in inside:
            assert ("flush", path.stat().st_ino) in steps[:place], path
        assert ("flush", (tmp_path / "blobs").stat().st_ino) in steps[place:row]
    assert row < commit == len(steps) - 1
