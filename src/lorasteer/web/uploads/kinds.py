"""What an upload is, by what is in it and never by its name; and the check that belongs to its kind."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from lorasteer.errors import DataError
from lorasteer.web.uploads import archives
from lorasteer.web.uploads.arrays import check_arrays
from lorasteer.web.uploads.foreign import refuse_foreign
from lorasteer.web.uploads.limits import UploadLimits
from lorasteer.web.uploads.models import ADAPTER_FILES, BASE_FILES, NOTES, check_adapter, check_base
from lorasteer.web.uploads.pictures import ENDINGS, check_picture, is_picture
from lorasteer.web.uploads.taken import Kind
from lorasteer.web.uploads.tensors import check_safetensors, is_safetensors

TABLE = "attributes.csv"


def take_in(sent: Path, shown: str, content: Path, limits: UploadLimits) -> tuple[Kind, Path]:
    """Check an upload and put what is to be read into a folder.

    Args:
        sent: The file as it came; it is moved or removed.
        shown: Its name, to show.
        content: Folder that exists and is empty.
        limits: What is allowed.

    Returns:
        Its kind, and the file or folder to read.

    Raises:
        UserError: It is of no kind that is read, or not sound.
    """
    with sent.open("rb") as file:
        start = file.read(4_096)
    if is_safetensors(start):
        check_safetensors(sent, shown, limits)
        return "adapter", sent.rename(content / "adapter_model.safetensors")
    if start.startswith(archives.START):
        return _unpacked(sent, shown, content, limits)
    if is_picture(start):
        ending = check_picture(sent, shown, limits)
        return "images", sent.rename(content / f"image{ending}")
    refuse_foreign(shown, start)


def _unpacked(sent: Path, shown: str, content: Path, limits: UploadLimits) -> tuple[Kind, Path]:
    with archives.opened(sent, shown, limits) as archive:
        kind = _kind_of(archive)
        if kind == "npz":
            check_arrays(archive)
        else:
            archive.unpack(content)
    if kind == "npz":
        return kind, sent.rename(content / "data.npz")
    sent.unlink()
    folder = _top(content, kind)
    if kind == "images":
        _check_pictures(folder, shown, limits)
    else:
        (check_base if kind == "base" else check_adapter)(folder, shown, limits)
    return kind, folder


def _kind_of(archive: archives.Archive) -> Kind:
    """By the names in an archive; every one of them must belong to that kind."""
    paths = [PurePosixPath(name) for name in archive.members]
    names = {path.name for path in paths}
    if all(path.suffix == ".npy" for path in paths):
        return "npz"
    if "base.json" in names:
        _check_names(archive, names - BASE_FILES - NOTES)
        return "base"
    if "adapter_config.json" in names:
        _check_names(archive, names - ADAPTER_FILES - NOTES)
        return "adapter"
    _check_names(archive, {path.name for path in paths if path.suffix.lower() not in ENDINGS and path.name != TABLE})
    return "images"


def _check_names(archive: archives.Archive, others: set[str]) -> None:
    if others:
        raise archive.wrong(
            f"holds {min(others)[:60]!r}; allowed are a base (base.json, model.safetensors), an adapter (adapter_config.json, "
            f"adapter_model.safetensors), .npy arrays, or images ({', '.join(ENDINGS)}) with {TABLE}"
        )


def _top(content: Path, kind: Kind) -> Path:
    """The folder that was packed: the content itself, or the only folder in it. A single class folder is not one."""
    inside = list(content.iterdir())
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else content
    if kind == "images" and not any(path.is_dir() for path in only.iterdir()):
        return content
    return only


def _check_pictures(folder: Path, shown: str, limits: UploadLimits) -> None:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != TABLE]
    if not found:
        raise DataError(f"archive {shown!r} holds no image; allowed are class folders with images. Pack the folder again.")
    for path in found:
        check_picture(path, f"{shown}: {path.relative_to(folder).as_posix()}"[:160], limits)
