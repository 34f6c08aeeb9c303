"""The index: one SQLite file. A connection lives as long as one piece of work; a write is one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lorasteer.errors import StoreError
from lorasteer.store.disk import flush
from lorasteer.store.schema import MIGRATIONS, VERSION

NAME = "index.sqlite"
PATIENCE = 5.0  # seconds that a statement waits for another program that holds the file
Filler = Callable[[sqlite3.Connection], None]


@dataclass
class Index:
    """The index of one store.

    Args:
        root: Folder of the store; it need not exist yet.
        fill: Called in the transaction that makes a new index, to put into it what the folder holds already.
    """

    root: Path
    fill: Filler = lambda connection: None
    _checked: int | None = field(init=False, default=None)

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / NAME

    @property
    def _uri(self) -> str:
        return self.path.absolute().as_uri()

    def exists(self) -> bool:
        """Whether there is an index."""
        return self.path.is_file()

    def current(self) -> bool:
        """Whether there is an index of the schema that this program reads; False where it is missing or older.

        Raises:
            StoreError: The file cannot be read, is damaged, or is of a newer schema.
        """
        if not self.exists():
            return False
        with self._open(self._reading_uri()) as connection:
            return self._looked_at(connection) == VERSION

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that can only read: one state of the store, however long the block takes.

        Raises:
            StoreError: The file cannot be read or is damaged.
        """
        with self._open(self._reading_uri()) as connection:
            self._looked_at(connection)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: all that the block does is kept, or nothing where it raises.

        Whoever calls this holds the store's lock. An index that is missing or older is made or brought up to date first.

        Raises:
            StoreError: The file cannot be written or is damaged; what it held before is still there.
        """
        with self._open(f"{self._uri}?mode=rwc") as connection:
            version = self._looked_at(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            if version != VERSION:
                with _transaction(connection):
                    self._migrate(connection, version)
                flush(self.root)
            with _transaction(connection):
                yield connection

    def _migrate(self, connection: sqlite3.Connection, version: int) -> None:
        for statement in (statement for migration in MIGRATIONS[version:] for statement in migration):
            connection.execute(statement)
        if version == 0:
            self.fill(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def _open(self, uri: str) -> Iterator[sqlite3.Connection]:
        with translated(self.path):
            connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
            with contextlib.closing(connection):
                connection.row_factory = sqlite3.Row
                for pragma in ("foreign_keys = ON", "synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF"):
                    connection.execute(f"PRAGMA {pragma}")
                yield connection

    def _reading_uri(self) -> str:
        """Where the folder can be written, a reader may first have to finish what a killed writer left half done."""
        if os.access(self.root, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            return f"{self._uri}?mode=rw"
        log = self.path.with_name(f"{NAME}-wal")
        pending = log.is_file() and log.stat().st_size > 0
        return f"{self._uri}?mode=ro{'' if pending else '&immutable=1'}"

    def _looked_at(self, connection: sqlite3.Connection) -> int:
        """Version of the schema, after a look through the file: once, not again for each piece of work."""
        file = self.path.stat().st_ino
        if file != self._checked:
            found = faults(connection, "quick_check")
            if found:
                raise sqlite3.DatabaseError(found[0])
            self._checked = file
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{self.path} has schema {version}, but this lorasteer knows schemas up to {VERSION}; nothing was changed. "
                "Use the version of lorasteer that wrote it, or a newer one."
            )
        return version


def faults(connection: sqlite3.Connection, check: str) -> list[str]:
    """What SQLite's own check finds wrong with a file, one line each."""
    found = (" ".join(str(row[0]).split()) for row in connection.execute(f"PRAGMA {check}"))
    return [fault for fault in found if fault != "ok"]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as one line that says what to do.

    Raises:
        StoreError: For any of them.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"the index {path} cannot be used: {error}. {_advice(str(error))}") from error
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"the index {path} refuses this: {error}. Nothing was changed; check the run's id and number."
        ) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the index {path} is damaged: {error}. Nothing was changed, and the changes in blobs/ are untouched. Copy the whole "
            f"folder, then restore {path.name} from a backup or rebuild it with `sqlite3 {path.name} .recover`."
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(
            f"cannot use {path.parent}: {reason}. Nothing that was there is lost; free space or choose another "
            "folder with --store, then run again."
        ) from error


def _advice(problem: str) -> str:
    if "locked" in problem:
        return "Another program holds the file; close it, then run again."
    if "full" in problem:
        return "Nothing that was there is lost; free space, then run again."
    if "malformed" in problem or "not a database" in problem:
        return "Copy the whole folder, then restore the file from a backup."
    return "Nothing that was there is lost; see that the disk is not full and the folder can be written."
