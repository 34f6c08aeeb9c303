"""Image folders: one folder per class, with or without train and test above them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError, choices
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources.assemble import PARTS, Column, Seed, Share, draw_parts, in_order, numbers_or_words
from lorasteer.tasks.vision.sources.catalog import SOURCES
from lorasteer.tasks.vision.sources.decode import Side, decode_all

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}
Table = dict[str, dict[str, str]]
"""Cells of attributes.csv: by file, then by column."""


def _is_image_folder(path: Path) -> bool:
    return path.is_dir() and any(_images(sub) for sub in _class_folders(path / "train" if _has_parts(path) else path))


def _has_parts(root: Path) -> bool:
    return all((root / part).is_dir() for part in PARTS)


@SOURCES.add(
    "folder",
    example="folder:path/to/images?size=32",
    reads="a folder with one folder of images per class, or with train and test that hold such folders",
    recognises=_is_image_folder,
)
def folder(
    location: str, *, size: Side | None = None, grayscale: bool = False, test_share: Share = 0.2, seed: Seed = 0
) -> ImageData:
    """Image files in one folder per class, below train and test if present, and attributes.csv beside them if present.

    attributes.csv has a column `file` with each image's path below the folder; every other column is an attribute.

    Args:
        location: The folder.
        size: Side of the square to resize to; None keeps the images' own size, which must be equal in all.
        grayscale: One channel instead of three.
        test_share: Share of each class in the test part, for a folder without train and test; else not used.
        seed: Seed of that choice.
    """
    root = Path(location)
    if not root.is_dir():
        raise DataError(f"there is no folder {location!r}; allowed is a folder of class folders. Correct the path.")
    if _has_parts(root):
        files = {part: _files(root / part) for part in PARTS}
        classes = _classes(files["train"], root)
    else:
        everything = _files(root)
        classes = _classes(everything, root)
        rows = draw_parts(_labels(everything, classes, root), test_share, seed)
        files = {part: [everything[row] for row in chosen] for part, chosen in rows.items()}
    table = _table(root / "attributes.csv", {path.relative_to(root).as_posix() for found in files.values() for path, _ in found})
    train, test = (_part(part, found, classes, root, table, size, grayscale) for part, found in files.items())
    return ImageData(f"folder:{location}", classes, train, test)


def _class_folders(path: Path) -> list[Path]:
    return sorted(sub for sub in path.iterdir() if sub.is_dir() and not sub.name.startswith("."))


def _images(path: Path) -> list[Path]:
    return sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS and not f.name.startswith(".") and f.is_file())


def _files(path: Path) -> list[tuple[Path, str]]:
    """Images below a folder of class folders, each with the name of its class, in order of their paths."""
    return [(image, sub.name) for sub in _class_folders(path) for image in _images(sub)]


def _classes(files: list[tuple[Path, str]], root: Path) -> tuple[str, ...]:
    names = in_order(name for _, name in files)
    if len(names) < 2:
        raise DataError(
            f"folder {str(root)!r} has images of {len(names)} class(es), at least two are needed. Make one folder per class "
            f"and put its images ({', '.join(sorted(_ENDINGS))}) into it."
        )
    return names


def _labels(files: list[tuple[Path, str]], classes: tuple[str, ...], root: Path) -> NDArray[np.int64]:
    number = {name: label for label, name in enumerate(classes)}
    for path, name in files:
        if name not in number:
            raise DataError(f"{path.relative_to(root).as_posix()!r} is of class {name!r}, which has no training image. "
                            f"{choices(name, classes)} Rename the folder or add training images.")  # fmt: skip
    return np.array([number[name] for _, name in files], np.int64)


def _part(
    part: str,
    files: list[tuple[Path, str]],
    classes: tuple[str, ...],
    root: Path,
    table: Table,
    size: int | None,
    grayscale: bool,
) -> Examples:
    if not files:
        raise DataError(f"the {part} part of {str(root)!r} has no images; at least one is needed. Add some.")
    names = [path.relative_to(root).as_posix() for path, _ in files]
    labels = _labels(files, classes, root)
    images = decode_all(zip(names, (path for path, _ in files), strict=True), len(files), size=size, grayscale=grayscale)
    return Examples(images, labels, np.array(names), _attributes(table, names))


def _table(path: Path, files: set[str]) -> Table:
    """Rows of attributes.csv by file; empty where there is none.

    Raises:
        DataError: No column `file`, a row for no image, two for one, an image without a row, or a row of another length.
    """
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as opened:
        rows = csv.DictReader(opened, restkey="")
        if "file" not in (rows.fieldnames or ()):
            raise DataError(f"{path.name} has the columns {rows.fieldnames}; allowed are `file` and any others. Add `file`.")
        table: Table = {}
        for row in rows:
            name = Path(row.pop("file") or "").as_posix()
            if name not in files or name in table or None in row.values() or "" in row:
                problem = (
                    "twice" if name in table else "with too few or many cells" if name in files else "but there is no such image"
                )
                raise DataError(f"{path.name}, line {rows.line_num}, has {name!r} {problem}. Give one whole row for each image.")
            table[name] = row
    if files - set(table):
        raise DataError(f"{path.name} has no row for {min(files - set(table))!r}. Give one whole row for each image.")
    return table


def _attributes(table: Table, names: list[str]) -> dict[str, Column]:
    columns = next(iter(table.values()), {})
    return {column: numbers_or_words([table[name][column] for name in names]) for column in columns}
