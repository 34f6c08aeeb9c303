"""The bases of a workbench: that on digits, those named when it was opened, and those that were uploaded."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorasteer.errors import DataError, StoreError, WeightsError, choices
from lorasteer.session.demo import MODEL
from lorasteer.tasks.tensors import write_text
from lorasteer.tasks.vision.classifier import ImageBaseRecord, load_base
from lorasteer.tasks.vision.models import MODELS
from lorasteer.web import views

DIGITS = "digits"
"""Id of the base that is always there, trained at the first use."""
FOLDER = "bases"
NAME = "name.json"
"""What a person calls an uploaded base."""


@dataclass(frozen=True)
class Shelf:
    """Bases by their ids. An id is looked up, and never made into a path.

    Args:
        root: Folder of the store; what is trained or uploaded lies in `bases` there.
        given: Folders of bases that were named when the workbench was opened.
    """

    root: Path
    given: Sequence[Path] = ()

    @property
    def digits(self) -> Path:
        """Where the base on digits lies, or will lie."""
        return self.root / FOLDER / DIGITS

    def folders(self) -> dict[str, Path]:
        """Folder of each base, by its id."""
        own = {place.name: place for place in sorted((self.root / FOLDER).glob("*")) if (place / "base.json").is_file()}
        return {id_of(folder): folder for folder in self.given} | {DIGITS: self.digits} | own

    def folder(self, base: str) -> Path:
        """The folder of a base.

        Raises:
            StoreError: There is no such base.
        """
        folders = self.folders()
        if base not in folders:
            raise StoreError(f"there is no base {base!r} in this workbench. {choices(base, folders)}")
        return folders[base]

    def bases(self) -> Iterator[views.BaseView]:
        """What is known of each base; those whose record cannot be read are left out."""
        for base, folder in self.folders().items():
            try:
                yield self.view(base, folder)
            except (StoreError, WeightsError, DataError, ValueError, OSError):
                continue

    def view(self, base: str, folder: Path) -> views.BaseView:
        """What is known of one base, from its record alone.

        Raises:
            StoreError: It has no record.
        """
        path = folder / "base.json"
        if base == DIGITS and not path.is_file():
            return views.BaseView(
                id=DIGITS, name="handwritten digits", digest="", model=MODEL, data="digits", classes=10,
                names=tuple("0123456789"), ready=False,
            )  # fmt: skip
        if not path.is_file():
            raise StoreError(f"no base model in {folder} (base.json is missing).")
        record = ImageBaseRecord.from_json(path.read_text(encoding="utf-8"))
        return views.BaseView(
            id=base, name=_name(base, folder), digest=record.weights, model=record.model, data=record.data,
            classes=len(record.classes), names=tuple(record.classes),
        )  # fmt: skip

    def adopt(self, folder: Path, name: str) -> views.BaseView:
        """Take in a base that was uploaded; the folder is copied.

        Raises:
            WeightsError: Its weights are damaged, or its network is not one that is built in.
            DataError: Its data is not one that this workbench has.
            StoreError: It is no base, or cannot be written.
        """
        self._check(folder)
        load_base(folder)
        base = f"own-{secrets.token_hex(4)}"
        place = self.root / FOLDER / base
        try:
            place.mkdir(parents=True)
            shutil.copyfile(folder / "model.safetensors", place / "model.safetensors")
            write_text(place / NAME, json.dumps(name))
            shutil.copyfile(folder / "base.json", place / "base.json")  # last: with it the folder is whole
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise StoreError(f"cannot keep the base in {place}: {error}. Free some space and try again.") from error
        return self.view(base, place)

    def _check(self, folder: Path) -> None:
        """An uploaded record may name code to import or a folder to read; neither is done for it."""
        path = folder / "base.json"
        if not path.is_file():
            raise StoreError("what was uploaded holds no base.json; upload the folder that `lorasteer train` wrote.")
        record = ImageBaseRecord.from_json(path.read_text(encoding="utf-8"))
        built_in = [entry.name for entry in MODELS if entry.name not in ("factory", "hub")]
        if record.model not in built_in:
            raise WeightsError(
                f"an uploaded base must be of a built-in network, got {record.model!r}. {choices(record.model, built_in)}"
            )
        here = sorted({"digits", *(base.data for base in self.bases())})
        if record.data not in here:
            raise DataError(f"an uploaded base must be of data that is here, got {record.data!r}. {choices(record.data, here)}")


def id_of(folder: Path) -> str:
    """The id of a base that was named by its folder."""
    return f"base-{hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:10]}"


def _name(base: str, folder: Path) -> str:
    path = folder / NAME
    if base == DIGITS:
        return "handwritten digits"
    return str(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else folder.name
