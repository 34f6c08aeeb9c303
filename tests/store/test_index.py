"""The index: brought up to date as a whole, refused where it is newer or damaged, read where nothing can be written."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from lorasteer.errors import StoreError
from lorasteer.store import RunStore, index
from lorasteer.store.index import NAME, Index
from lorasteer.store.schema import MIGRATIONS, VERSION
from tests.support.errors import refuses
from tests.support.kept import RUN, add, filled, run
from tests.support.readonly import read_only


def version(store: RunStore) -> int:
    connection = sqlite3.connect(store.root / NAME)
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return found


def tables(store: RunStore) -> set[str]:
    connection = sqlite3.connect(store.root / NAME)
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def test_a_commit_waits_for_the_disk_and_keys_are_enforced(tmp_path: Path) -> None:
    with Index(tmp_path).writing() as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")]
        assert pragmas == ["wal", 2, 1]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO events VALUES ('no such run', 1, 't', 'a', 'a', '{}', '', 'p', 'h')")


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store that a program with only the first migration wrote."""
    with monkeypatch.context() as patch:
        patch.setattr(index, "MIGRATIONS", MIGRATIONS[:1])
        patch.setattr(index, "VERSION", 1)
        store = filled(tmp_path / "runs")
    assert (version(store), "points" in tables(store)) == (1, False)
    return RunStore(store.root)


def test_an_older_schema_is_brought_up_to_date(older: RunStore) -> None:
    assert len(older.iterations(RUN)) == 3
    assert (version(older), "points" in tables(older)) == (VERSION, True)
    assert add(older, 4).number == 4
    assert older.verify() == []


def test_a_migration_that_fails_leaves_what_was(older: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(index, "MIGRATIONS", (*MIGRATIONS, ("DROP TABLE events", "CREATE nonsense")))
        patch.setattr(index, "VERSION", VERSION + 1)
        with refuses(StoreError, "cannot be used", "syntax error"):
            older.list()
    assert (version(older), "events" in tables(older), "points" in tables(older)) == (1, True, False)
    assert len(older.events(RUN)) == 4


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = filled(tmp_path)
    connection = sqlite3.connect(store.root / NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / NAME).read_bytes()
    for use in (store.list, lambda: store.begin(run("x"), actor="me"), RunStore(tmp_path).gc):
        with refuses(StoreError, "has schema 99", f"up to {VERSION}", "Use the version of lorasteer that wrote it"):
            use()
    assert (tmp_path / NAME).read_bytes() == before


def flip(text: bytes) -> bytes:
    """Write over the middle of a page that holds a table's root."""
    return text[: 4096 + 8] + b"\xff" * 2000 + text[4096 + 2008 :]


def cut(text: bytes) -> bytes:
    return text[: len(text) // 2]


def other(text: bytes) -> bytes:
    return b"this is no database, but years of letters".ljust(len(text), b".")


@pytest.mark.parametrize("damage", [flip, cut, other])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    filled(tmp_path)
    damaged = damage((tmp_path / NAME).read_bytes())
    for beside in (f"{NAME}-wal", f"{NAME}-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    (tmp_path / NAME).write_bytes(damaged)
    blobs = sorted((tmp_path / "blobs").iterdir())
    for use in (RunStore(tmp_path).list, RunStore(tmp_path).verify, lambda: add(RunStore(tmp_path), 4), RunStore(tmp_path).gc):
        with refuses(StoreError, str(tmp_path / NAME), "Copy the whole folder", "backup"):
            use()
    assert (tmp_path / NAME).read_bytes() == damaged
    assert sorted((tmp_path / "blobs").iterdir()) >= blobs


def test_another_program_in_the_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path)
    monkeypatch.setattr(index, "PATIENCE", 0.05)
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("BEGIN IMMEDIATE")
    with refuses(StoreError, "locked", "Another program holds the file"):
        store.move(RUN, head=1, actor="me", action="undo")
    assert store.load(RUN).head == 3  # reading goes on
    connection.close()
    store.move(RUN, head=1, actor="me", action="undo")


def test_a_folder_that_cannot_be_written_is_read(older: RunStore) -> None:
    older.list()
    with read_only(older.root) as root:
        store = RunStore(root)
        assert len(store.iterations(RUN)) == 3
        assert store.verify() == []
        for use in (lambda: store.move(RUN, head=1, actor="me", action="undo"), store.gc, store.prepare):
            with refuses(StoreError, "cannot write into", "Permission denied", "Nothing that was there is lost"):
                use()


def test_an_older_schema_that_cannot_be_written_is_refused(older: RunStore) -> None:
    with read_only(older.root) as root, refuses(StoreError, "cannot write into", "Permission denied"):
        RunStore(root).list()


def test_the_whole_folder_can_be_moved_and_copied(tmp_path: Path) -> None:
    store = filled(tmp_path / "first", base_folder="/somewhere")
    moved = RunStore(store.root.rename(tmp_path / "with spaces, ünïcødé, 100% #1 and 猫"))
    copied = RunStore(Path(shutil.copytree(moved.root, tmp_path / "copy")))
    for found in (moved, copied):
        assert found.verify() == []
        assert found.iterations(RUN)[0].number == 1
        assert add(found, 4).number == 4
    assert copied.load(RUN) == moved.load(RUN)
    text = b"".join(path.read_bytes() for path in copied.root.rglob("*") if path.is_file())
    assert str(tmp_path).encode() not in text


def test_a_store_behind_a_link_is_one_store(tmp_path: Path) -> None:
    filled(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with RunStore(tmp_path / "real").writing():
        add(RunStore(tmp_path / "link"), 4)
    assert len(RunStore(tmp_path / "real").iterations(RUN)) == 4
