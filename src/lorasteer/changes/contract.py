"""What every change can do, and the folder it is saved in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

from pydantic import ValidationError
from torch import Tensor, nn

from lorasteer.errors import StoreError, WeightsError
from lorasteer.records import ChangeRecord, first_problem
from lorasteer.tasks.base import Base
from lorasteer.tasks.tensors import file_digest, replacing_folder, write_text

MAX_STRENGTH = 1.5


class Change(Protocol):
    """What unlearning made of a base: can be applied at any strength, saved, hashed, composed; the base is never written to."""

    @property
    def record(self) -> ChangeRecord:
        """Its description."""
        ...

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the base's modules that it alters; whatever lies before the first of them answers as the base does."""
        ...

    @property
    def resume(self) -> Mapping[str, Tensor] | None:
        """State of the training that made it, to go on from; None where there is none, as after loading: it is kept apart."""
        ...

    def apply(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """A model in evaluation mode with the change in force; it shares the untouched numbers with the base.

        Args:
            base: The base the change was made for.
            strength: 0 (the base, bit for bit) to 1.5; the change's own strength when left out.

        Raises:
            WeightsError: The change was made for another base.
        """
        ...

    def merged(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """A plain model of the base's own classes, with numbers of its own, that answers as `apply` does."""
        ...

    def write(self, folder: Path) -> None:
        """Write the numbers into an empty folder."""
        ...

    def at(self, strength: float) -> Self:
        """The same change with another strength of its own."""
        ...


Reader = Callable[[ChangeRecord, Path], Change]
READERS: dict[str, Reader] = {}


def check_base(record: ChangeRecord, base: Base) -> None:
    """Refuse a base other than the one the change was made for.

    Raises:
        WeightsError: The digests differ.
    """
    if record.base != base.digest:
        raise WeightsError(
            f"the change was made for base {record.base[:12]}, got base {base.digest[:12]}; "
            "weights of equal shape are not enough. Load the base it was made for."
        )


def check_strength(strength: float) -> float:
    """Return the strength if it lies in [0, 1.5].

    Raises:
        WeightsError: It does not.
    """
    if 0 <= strength <= MAX_STRENGTH:
        return strength
    raise WeightsError(f"strength {strength} is outside [0, {MAX_STRENGTH}]; choose a number in that range.")


def check_tensors(record: ChangeRecord, digest: str, folder: Path) -> None:
    """Refuse numbers other than those the record describes, whatever the list of files says.

    Raises:
        WeightsError: The digests differ.
    """
    if digest != record.tensors:
        raise WeightsError(
            f"the numbers in {folder} have digest {digest[:12]}, but change.json says {record.tensors[:12]}; they were altered. "
            "Restore the folder."
        )


def save_change(change: Change, folder: Path | str) -> Path:
    """Write a change so that the folder appears whole or not at all: numbers, then `change.json` with the digest of each file.

    Raises:
        StoreError: The folder cannot be written; an older one at the same path is kept.
    """
    folder = Path(folder)
    with replacing_folder(folder) as temporary:
        change.write(temporary)
        written = sorted(path for path in temporary.rglob("*") if path.is_file())
        files = {path.relative_to(temporary).as_posix(): file_digest(path) for path in written}
        content = {"change": change.record.model_dump(mode="json"), "files": files}
        write_text(temporary / "change.json", json.dumps(content, indent=1, sort_keys=True))
    return folder


def load_change(folder: Path | str, base: Base | None = None) -> Change:
    """Read a change that `save_change` wrote, after checking every file against its digest.

    Args:
        folder: Where it lies.
        base: When given, the base it must have been made for.

    Raises:
        StoreError: There is no change in the folder.
        WeightsError: A file is missing or altered, or the change belongs to another base.
    """
    folder = Path(folder)
    path = folder / "change.json"
    if not path.is_file():
        raise StoreError(f"no change in {folder} (change.json is missing); give a folder that `lorasteer unlearn --out` wrote.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record, files = ChangeRecord.model_validate(content["change"]), dict(content["files"])
    except (ValueError, KeyError, TypeError) as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else error
        raise WeightsError(f"{path} is damaged: {problem}. Restore the folder from where it was saved.") from error
    for name, digest in files.items():
        _check_file(folder, name, digest)
    if base is not None:
        check_base(record, base)
    return READERS[record.kind](record, folder)


def _check_file(folder: Path, name: str, digest: str) -> None:
    inside = (folder / name).resolve().is_relative_to(folder.resolve())
    if not inside or not (folder / name).is_file():
        raise WeightsError(f"{folder} lacks the file {name!r} that change.json names; restore it.")
    found = file_digest(folder / name)
    if found != digest:
        raise WeightsError(
            f"{folder / name} has sha256 {found[:12]}, but change.json says {str(digest)[:12]}; it was altered. "
            "Restore the folder."
        )
