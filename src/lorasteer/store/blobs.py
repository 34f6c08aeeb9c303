"""Numbers on disk: folders named by the sha256 of their manifest, written whole or not at all, checked on every load."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lorasteer.errors import StoreError, UserError, WeightsError
from lorasteer.records import AuditRecord, ChangeRecord, Record
from lorasteer.store.disk import cannot_write, flush, flush_tree, size_of

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.tasks.tensors import NamedTensors, Tensors

FOLDER, MANIFEST, RESUME, AUDIT = "blobs", "manifest.json", "resume.safetensors", "audit.json"
UNFINISHED = ".new-"
Writer = Callable[[Path], None]


class Manifest(Record):
    """What a blob holds. The blob is named by the sha256 of this file, so nothing in it can change under its name."""

    kind: str
    """`adapter`, `weights` or `composed` for a change; `resume` for what a training goes on from; `audit` for what one found."""
    base: str
    """Digest of the base model it belongs to."""
    numbers: str
    """Digest of the numbers with their configuration, as the change's description states it, or of an audit's record; empty for
    `resume`."""
    config: str
    """sha256 of all JSON files, names and bytes: the configuration that scales the numbers."""
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    """sha256 of each file, by its path in the folder."""


@dataclass(frozen=True)
class Blobs:
    """The blobs of one store.

    Args:
        root: Folder of the store.
    """

    root: Path

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.root / FOLDER

    def keep_change(self, change: Change) -> str:
        """Keep the numbers of a change and return the blob's name.

        Raises:
            StoreError: It cannot be written; nothing is left behind.
            WeightsError: A number is not finite.
        """
        record = change.record
        return self._keep(change.write, kind=record.kind, base=record.base, numbers=record.tensors)

    def keep_resume(self, tensors: NamedTensors, base: str) -> str:
        """Keep what a training goes on from and return the blob's name.

        Raises:
            StoreError: It cannot be written; nothing is left behind.
            WeightsError: A number is not finite.
        """
        from lorasteer.tasks.tensors import write_tensors

        return self._keep(lambda folder: write_tensors(folder / RESUME, tensors), kind="resume", base=base, numbers="")

    def keep_audit(self, record: AuditRecord) -> str:
        """Keep what an audit found and return the blob's name.

        Raises:
            StoreError: It cannot be written; nothing is left behind.
        """

        def write(folder: Path) -> None:
            (folder / AUDIT).write_text(record.to_json(), encoding="utf-8")

        return self._keep(write, kind="audit", base=record.base, numbers=record.digest, check=lambda folder: None)

    def audit(self, name: str) -> str:
        """The JSON of what an audit found, as it was written.

        Raises:
            WeightsError: The blob is missing or altered, or holds something else.
        """
        folder, manifest = self.checked(name)
        if manifest.kind != "audit":
            raise WeightsError(f"blob {name[:12]} is of kind {manifest.kind!r}, not an audit. Restore the store from a copy.")
        return (folder / AUDIT).read_text(encoding="utf-8")

    def keep_files(self, source: Path, names: Mapping[str, str], record: ChangeRecord) -> str:
        """Keep the files of a change that lies elsewhere, by name and sha256, without reading their numbers."""

        def copy(folder: Path) -> None:
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, folder / name)

        return self._keep(copy, kind=record.kind, base=record.base, numbers=record.tensors, check=lambda folder: None)

    def _keep(self, write: Writer, *, kind: str, base: str, numbers: str, check: Writer | None = None) -> str:
        with self._unfinished() as temporary:
            write(temporary)
            (check or check_finite)(temporary)
            files = digests_in(temporary)
            manifest = Manifest(kind=kind, base=base, numbers=numbers, config=config_digest(temporary, files), files=files)
            text = manifest.to_json(indent=1)
            (temporary / MANIFEST).write_text(text, encoding="utf-8")
            name = hashlib.sha256(text.encode()).hexdigest()
            flush_tree(temporary)
            self._place(temporary, name)
        return name

    def _place(self, temporary: Path, name: str) -> None:
        """Give a whole blob its name. One that lies there already is left, unless it is damaged."""
        target = self.folder / name
        if target.exists():
            with contextlib.suppress(UserError):
                self.checked(name)
                return
            target.rename(temporary.with_name(f"{temporary.name}-damaged"))
        temporary.rename(target)
        flush(self.folder)

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[Path]:
        """A folder that vanishes when the block ends, unless it was given its name."""
        try:
            if not self.folder.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                flush(self.root)
            temporary = self.folder / f"{UNFINISHED}{secrets.token_hex(8)}"
            temporary.mkdir()
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        try:
            yield temporary
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(temporary.with_name(f"{temporary.name}-damaged"), ignore_errors=True)

    def checked(self, name: str) -> tuple[Path, Manifest]:
        """Folder and manifest of a blob whose every byte is as it was written.

        Raises:
            WeightsError: It is missing, or anything in it was altered.
        """
        folder = self.folder / name
        manifest = _read_manifest(folder, name)
        found = digests_in(folder)
        for file in sorted(manifest.files.keys() | found.keys()):
            _compare(folder, file, wanted=manifest.files.get(file), found=found.get(file))
        if config_digest(folder, manifest.files) != manifest.config:
            raise WeightsError(f"blob {name[:12]}: its configuration is not the one its manifest names; restore {folder}.")
        return folder, manifest

    def change(self, name: str, record: ChangeRecord) -> Change:
        """The change that a blob holds the numbers of.

        Raises:
            WeightsError: The blob is missing or altered, belongs to another base, or holds other numbers than `record` says.
        """
        from lorasteer.changes.contract import READERS

        folder, manifest = self.checked(name)
        if (manifest.kind, manifest.base, manifest.numbers) != (record.kind, record.base, record.tensors):
            raise WeightsError(
                f"blob {name[:12]} holds {manifest.kind} {manifest.numbers[:12]} for base {manifest.base[:12]}, but the "
                f"iteration names {record.kind} {record.tensors[:12]} for base {record.base[:12]}; restore the store from a copy."
            )
        return READERS[record.kind](record, folder)

    def resume(self, name: str, base: str) -> Tensors:
        """What a training goes on from.

        Raises:
            WeightsError: The blob is missing or altered, or belongs to another base.
        """
        from lorasteer.tasks.tensors import read_tensors

        folder, manifest = self.checked(name)
        if (manifest.kind, manifest.base) != ("resume", base):
            raise WeightsError(
                f"blob {name[:12]} is of kind {manifest.kind!r} for base {manifest.base[:12]}; a resume state for "
                f"base {base[:12]} is needed. Restore the store from a copy."
            )
        return read_tensors(folder / RESUME)[0]

    def names(self) -> set[str]:
        """Names of all blobs that lie in the folder, whole or not."""
        return {path.name for path in self._folders() if not path.name.startswith(".")}

    def stale(self) -> list[Path]:
        """Folders that were never given their name, because the writing was cut off."""
        return [path for path in self._folders() if path.name.startswith(UNFINISHED)]

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_dir()) if self.folder.is_dir() else []

    def remove(self, folder: Path) -> int:
        """Remove a blob or an unfinished folder and return how many bytes it took.

        It loses its name first, so that no reader finds half of it.
        """
        freed = size_of(folder)
        try:
            if not folder.name.startswith(UNFINISHED):
                folder = folder.rename(folder.with_name(f"{UNFINISHED}{folder.name}"))
            shutil.rmtree(folder)
        except OSError as error:
            raise StoreError(f"{folder} cannot be removed: {error}. Remove it by hand.") from error
        return freed


def digests_in(folder: Path) -> dict[str, str]:
    """sha256 of each file in a blob's folder but its manifest."""
    from lorasteer.tasks.tensors import file_digest

    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def config_digest(folder: Path, files: Mapping[str, str]) -> str:
    """sha256 over names and digests of the JSON files; of nothing where there are none."""
    configs = {name: digest for name, digest in files.items() if name.endswith(".json")}
    return hashlib.sha256(json.dumps(configs, sort_keys=True).encode()).hexdigest()


def check_finite(folder: Path) -> None:
    """Read every file of numbers once.

    Raises:
        WeightsError: One holds NaN or infinity.
    """
    from lorasteer.tasks.tensors import read_tensors

    for path in sorted(folder.rglob("*.safetensors")):
        read_tensors(path)


def _read_manifest(folder: Path, name: str) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise WeightsError(f"blob {name[:12]} is missing from {folder.parent}; restore it from a copy of the store.")
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != name:
        raise WeightsError(f"{path} was altered: its sha256 is not the name of its folder. Restore it from a copy of the store.")
    return Manifest.from_json(text.decode())


def _compare(folder: Path, file: str, *, wanted: str | None, found: str | None) -> None:
    if wanted == found:
        return
    problem = "is missing" if found is None else "does not belong there" if wanted is None else "was altered"
    raise WeightsError(f"{folder / file} {problem}: its manifest says otherwise. Restore the folder from a copy of the store.")
