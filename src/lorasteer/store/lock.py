"""The right to write to a store: one process at a time, and the system takes it back when that process dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lorasteer.errors import StoreError

NAME, HOLDER = "lock", "lock.holder"
_LOCKS: dict[Path, WriterLock] = {}
_LOCKS_GUARD = threading.Lock()


class WriterLock:
    """The lock of one store. Threads of one process share it; their turns come one after the other.

    Args:
        root: Folder of the store; made when the lock is first taken.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.turn = threading.RLock()
        """Held by the thread that writes just now."""
        self._file = FileLock(root / NAME, thread_local=False)
        self._guard = threading.Lock()
        self._blocks = 0
        self._runs: set[str] = set()

    @contextlib.contextmanager
    def held(self, *, wait: float = 0) -> Iterator[None]:
        """This process alone may write while the block runs; blocks may be nested and overlap.

        Args:
            wait: Seconds to wait for another process.

        Raises:
            StoreError: Another process holds the lock, or the folder cannot be written.
        """
        with self._guard:
            self._take(wait)
        try:
            yield
        finally:
            with self._guard:
                self._give()

    @contextlib.contextmanager
    def alone(self, run: str) -> Iterator[None]:
        """Nobody else in this process steers a run while the block runs; what another process may do, the lock itself says.

        Raises:
            StoreError: Somebody does.
        """
        with self._guard:
            if run in self._runs:
                raise StoreError(
                    f"run {run} is steered by another session of this process; one at a time may. "
                    "Go on with that one, or call its close() first."
                )
            self._runs.add(run)
        try:
            yield
        finally:
            with self._guard:
                self._runs.discard(run)

    def _take(self, wait: float) -> None:
        try:
            if not self._blocks:
                self.root.mkdir(parents=True, exist_ok=True)
                self._file.acquire(timeout=wait, poll_interval=0.02)
                _say_holder(self.root)
            self._blocks += 1
        except Timeout:
            raise StoreError(
                f"{self.root} is being written to by {_holder(self.root)}; one process at a time may. "
                "Wait until it is done or stop it; reading is possible meanwhile. Or choose another folder with --store."
            ) from None
        except (OSError, NotImplementedError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            raise StoreError(
                f"cannot write into {self.root}: {reason}. Nothing that was there is lost; make the folder writable, "
                "or choose another with --store."
            ) from error

    def _give(self) -> None:
        self._blocks -= 1
        if not self._blocks:
            with contextlib.suppress(OSError):
                (self.root / HOLDER).unlink(missing_ok=True)
            self._file.release()


def lock_of(root: Path) -> WriterLock:
    """The one lock that this process has for a folder."""
    key = root.absolute().resolve()
    with _LOCKS_GUARD:
        return _LOCKS.setdefault(key, WriterLock(key))


def _say_holder(root: Path) -> None:
    """Tell others who holds the lock; only courtesy, so a full disk is no reason to stop."""
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    with contextlib.suppress(OSError):
        (root / HOLDER).write_text(json.dumps(facts), encoding="utf-8")


def _holder(root: Path) -> str:
    try:
        facts = json.loads((root / HOLDER).read_text(encoding="utf-8"))
        return f"process {facts['pid']} on {facts['host']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
