"""Uploads on their way to disk: streamed, counted, checked, and given an id only when all of it is sound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterable, Iterator
from pathlib import Path

from lorasteer.errors import DataError, StoreError
from lorasteer.store.disk import cannot_write, flush, flush_tree, size_of
from lorasteer.web.security.ids import check_id
from lorasteer.web.security.refusals import Refusal
from lorasteer.web.uploads.kinds import take_in
from lorasteer.web.uploads.limits import UploadLimits
from lorasteer.web.uploads.names import safe_name
from lorasteer.web.uploads.taken import Received, read_received

_UNFINISHED, _SENT, _CONTENT = ".new-", "sent", "content"
_FEW, _DAY = 200, 86_400


class Uploads:
    """Uploads in one folder, each in a folder named by its id. A failed one leaves nothing.

    Args:
        folder: Made with the first upload; nobody else writes there.
        limits: What is allowed.
    """

    def __init__(self, folder: Path, limits: UploadLimits | None = None) -> None:
        self.folder, self.limits = folder, limits or UploadLimits()
        self._working = asyncio.Semaphore(2)  # checks take processor time that the work needs

    async def receive(self, name: str, chunks: AsyncIterable[bytes]) -> Received:
        """Take in an upload.

        Args:
            name: What the client calls it; it is only shown.
            chunks: Its bytes, as they come.

        Raises:
            Refusal: 413, it is too large; 507, the folder is full.
            UserError: It is not of a kind that is read, or not sound.
            StoreError: It cannot be written.
        """
        shown, target = safe_name(name), self.folder / secrets.token_hex(16)
        with self._unfinished() as draft:
            size = await self._write(draft / _SENT, shown, chunks)
            async with self._working:
                await asyncio.to_thread(self._settle, draft, shown, size)
            self._place(draft, target)
        return read_received(target)

    def get(self, upload: str) -> Received:
        """An upload by its id.

        Raises:
            Refusal: 400, this is no id; 404, there is none of this id.
            StoreError: Its record is damaged.
        """
        return read_received(self._folder_of(upload))

    def all(self) -> tuple[Received, ...]:
        """All whole uploads, the oldest first."""
        folders = [path for path in self._folders() if not path.name.startswith(".")]
        found = []
        for folder in sorted(folders, key=lambda path: (path.stat().st_mtime_ns, path.name)):
            with contextlib.suppress(StoreError):
                found.append(read_received(folder))
        return tuple(found)

    def remove(self, upload: str) -> None:
        """Remove an upload. It loses its id first, so that nobody finds half of it.

        Raises:
            Refusal: As for `get`.
            StoreError: It cannot be removed.
        """
        folder = self._folder_of(upload)
        try:
            shutil.rmtree(folder.rename(self.folder / f"{_UNFINISHED}{upload}"))
        except OSError as error:
            raise StoreError(f"upload {upload[:12]} cannot be removed: {error.strerror}. Remove it by hand.") from error

    def sweep(self, *, older_than: float = _DAY) -> int:
        """Remove what uploads that were cut off have left behind, and say how many.

        Args:
            older_than: Seconds; younger ones may still be coming.
        """
        oldest = time.time() - older_than
        stale = [path for path in self._folders() if path.name.startswith(_UNFINISHED) and path.stat().st_mtime <= oldest]
        for path in stale:
            shutil.rmtree(path, ignore_errors=True)
        return len(stale)

    def _folder_of(self, upload: str) -> Path:
        folder = self.folder / check_id(upload, "upload")
        if not folder.is_dir():
            raise Refusal(404, f"there is no upload {upload[:12]!r}; it may have been removed. Upload it again.")
        return folder

    def _folders(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.is_dir()] if self.folder.is_dir() else []

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[Path]:
        """A folder that vanishes when the block ends, unless it was given its name."""
        draft: Path | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
            yield draft
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        finally:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)

    async def _write(self, path: Path, shown: str, chunks: AsyncIterable[bytes]) -> int:
        """Write what comes until it ends or is too much."""
        kept, size = await asyncio.to_thread(size_of, self.folder), 0
        with path.open("xb") as file:
            async for chunk in chunks:
                size += len(chunk)
                self._check_size(shown, size, kept)
                await asyncio.to_thread(file.write, chunk)
        if not size:
            raise DataError(f"{shown!r} is empty; allowed is a file with something in it. Choose another file.")
        return size

    def _check_size(self, shown: str, size: int, kept: int) -> None:
        if size > self.limits.bytes:
            raise Refusal(413, f"{shown!r} has more than {self.limits.bytes} bytes, which is what is allowed. Upload less.")
        if kept + size > self.limits.folder_bytes:
            raise Refusal(
                507,
                f"uploads take {kept} bytes already; allowed are {self.limits.folder_bytes} in all. Remove some, then try again.",
            )

    def _place(self, draft: Path, target: Path) -> None:
        """Give an upload its id; it has none where the disk does not keep it."""
        draft.rename(target)
        try:
            flush(self.folder)
        except OSError:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _settle(self, draft: Path, shown: str, size: int) -> None:
        """Check, put in place, and wait until it is on the disk."""
        content = draft / _CONTENT
        content.mkdir()
        try:
            kind, path = take_in(draft / _SENT, shown, content, self.limits)
        except RecursionError as error:
            raise DataError(f"{shown!r} is nested too deeply to be read. Save it again.") from error
        Received("", kind, shown, size, path).write(draft)
        _flush_all(draft)


def _flush_all(folder: Path) -> None:
    """Every file on the disk; many small ones at once, because a wait for each would take minutes."""
    if sum(1 for _ in folder.rglob("*")) > _FEW and hasattr(os, "sync"):
        os.sync()
    else:
        flush_tree(folder)
