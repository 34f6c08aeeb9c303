"""Zip archives from outside: looked through before they are opened, and counted while they are unpacked."""

from __future__ import annotations

import contextlib
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lorasteer.errors import DataError
from lorasteer.web.uploads.foreign import refuse_pickle
from lorasteer.web.uploads.limits import UploadLimits
from lorasteer.web.uploads.names import check_member

START = b"PK\x03\x04"
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_TORCH = b"/data.pkl"
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt")
_PIECE = 1 << 20


@dataclass
class Archive:
    """An open archive whose members have been checked.

    Args:
        file: The archive.
        shown: Its name, to show.
        size: Its size in bytes.
        limits: What is allowed.
        members: Files in it, by name; folders and what systems leave behind are not listed.
    """

    file: zipfile.ZipFile
    shown: str
    size: int
    limits: UploadLimits
    members: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    _unpacked: int = 0

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member's bytes, as they come out of the archive.

        Raises:
            DataError: It is damaged, or more comes out than is allowed.
        """
        taken = 0
        with self.reading(name) as member:
            while piece := member.read(_PIECE):
                taken += len(piece)
                self._count(name, taken, len(piece))
                yield piece

    def unpack(self, folder: Path) -> None:
        """Write all members below a folder.

        Raises:
            DataError: As for `pieces`.
        """
        for name in self.members:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for piece in self.pieces(name):
                    file.write(piece)

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """A member, to read from; what is read is not counted.

        Raises:
            DataError: It is damaged.
        """
        try:
            with self.file.open(self.members[name]) as member:
                yield member
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise self.wrong(f"holds {name!r}, which cannot be unpacked ({error})") from error

    def _count(self, name: str, taken: int, piece: int) -> None:
        self._unpacked += piece
        limits = self.limits
        if taken > limits.member_bytes:
            raise self.wrong(f"holds {name!r}, which unpacks to more than {limits.member_bytes} bytes")
        if self._unpacked > limits.unpacked_bytes:
            raise self.wrong(f"unpacks to more than {limits.unpacked_bytes} bytes")
        if self._unpacked > max(limits.ratio_from, limits.ratio * self.size):
            raise self.wrong(f"unpacks to more than {limits.ratio} times its {self.size} bytes")

    def wrong(self, problem: str) -> DataError:
        """A refusal of this archive."""
        return DataError(f"archive {self.shown!r} {problem}. Pack less, or the folder as it is, with any zip program.")


@contextlib.contextmanager
def opened(path: Path, shown: str, limits: UploadLimits) -> Iterator[Archive]:
    """An archive, looked through: how many members, what they are called, and that they are plain files.

    Raises:
        DataError: It is damaged, or a member is not what it may be.
        WeightsError: It holds a pickle, as what torch.save writes does.
    """
    _check_directory(path, shown, limits)
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise DataError(f"{shown!r} is no whole zip archive ({error}). Pack or copy it again.") from error
    with file:
        archive = Archive(file, shown, path.stat().st_size, limits)
        if len(file.infolist()) > limits.members:
            raise archive.wrong(f"holds {len(file.infolist())} files; allowed are {limits.members}")
        for info in file.infolist():
            _check_kind(archive, info)
            name = check_member(info.orig_filename.removesuffix("/"))
            if not info.is_dir() and not _is_junk(name):
                archive.members[name] = info
        _check_together(archive)
        yield archive


def _check_directory(path: Path, shown: str, limits: UploadLimits) -> None:
    """Bound the list of members before Python reads all of it into memory."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, path.stat().st_size - 65_577))
        tail = file.read()
    if _TORCH in tail:
        refuse_pickle(shown)
    at = tail.rfind(_END)
    if start != START or at < 0 or len(tail) - at < 22 or _END_64 in tail[max(0, at - 20) : at]:
        raise DataError(f"{shown!r} is no whole zip archive of usual size, or it is empty. Pack or copy it again.")
    count, size = struct.unpack("<HI", tail[at + 10 : at + 16])
    if count > limits.members or size > limits.members * 300:
        raise DataError(f"archive {shown!r} lists {count} files in {size} bytes; allowed are {limits.members}. Pack fewer files.")


def _check_kind(archive: Archive, info: zipfile.ZipInfo) -> None:
    """A member is a plain file or a folder, not encrypted, packed the usual way."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise archive.wrong(f"holds {info.filename[:60]!r}, which is a link or a device; allowed are files")
    if info.flag_bits & 0x1:
        raise archive.wrong("is encrypted; allowed is one without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise archive.wrong(f"packs {info.filename[:60]!r} by method {info.compress_type}; allowed are stored and deflate")


def _check_together(archive: Archive) -> None:
    """Names that one file system tells apart and another does not, pickles, and no file at all."""
    files = {_folded(name) for name in archive.members}
    folders = {_folded(name[:at]) for name in archive.members for at, letter in enumerate(name) if letter == "/"}
    listed = sum(not info.is_dir() and not _is_junk(info.orig_filename) for info in archive.file.infolist())
    if len(files) < listed or files & folders:
        raise archive.wrong("holds two files of one name, or a file and a folder of one name")
    for name in archive.members:
        if name.lower().endswith(_PICKLES):
            refuse_pickle(f"{archive.shown}: {name}"[:120])
    if not files:
        raise archive.wrong("holds no file")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _is_junk(name: str) -> bool:
    return name.startswith(_JUNK[0]) or name.rpartition("/")[2] in _JUNK[1:]
