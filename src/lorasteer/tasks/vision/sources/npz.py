"""NumPy archives: images, labels, class names and attributes in one .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources.assemble import (
    PARTS,
    Column,
    Seed,
    Share,
    as_labels,
    as_text,
    check_range,
    draw_parts,
    numbered,
    numbered_classes,
    part_attributes,
)
from lorasteer.tasks.vision.sources.catalog import SOURCES

Arrays = dict[str, NDArray[Any]]
_SPLIT = ("x_train", "y_train", "x_test", "y_test")
_WHOLE = ("images", "labels")


def _is_npz(path: Path) -> bool:
    return path.suffix.lower() == ".npz" and path.is_file()


@SOURCES.add(
    "npz",
    example="npz:path/to/data.npz",
    reads="a .npz file with x_train, y_train, x_test, y_test, or with images and labels",
    recognises=_is_npz,
)
def npz(location: str, *, test_share: Share = 0.2, seed: Seed = 0) -> ImageData:
    """A .npz file with images (uint8), labels and, if present, class names and attributes.

    Images are [n, h, w], [n, h, w, channels] or [n, channels, h, w]. `classes` holds the class names. Every other array is
    an attribute: `<name>_train` and `<name>_test`, or `<name>` with a row for every example, the training part first.

    Args:
        location: The file.
        test_share: Share of each class in the test part, for a file with `images` and `labels`; else not used.
        seed: Seed of that choice.
    """
    path = Path(location)
    arrays = read_npz(path)
    names = arrays.pop("classes", None)
    if set(_SPLIT) <= set(arrays):
        images, labels, attributes = _in_parts(arrays, path.name)
    elif set(_WHOLE) <= set(arrays):
        images, labels, attributes = _whole(arrays, path.name, test_share, seed)
    else:
        raise DataError(
            f"{str(path)!r} holds the arrays {', '.join(sorted(arrays)) or 'none'}; allowed are {', '.join(_SPLIT)}, or "
            f"{' and '.join(_WHOLE)}. Rename them."
        )
    classes = numbered_classes(*labels.values()) if names is None else tuple(str(name) for name in as_text(names).tolist())
    for part in labels:
        check_range(labels[part], classes, f"{path.name} ({part})", "Correct the labels, or name all classes in `classes`.")
    train, test = (Examples(images[p], labels[p], numbered(p, len(labels[p])), attributes[p]) for p in PARTS)
    return ImageData(f"npz:{location}", classes, train, test)


Parts = tuple[dict[str, NDArray[np.uint8]], dict[str, NDArray[np.int64]], dict[str, dict[str, Column]]]
"""Images, labels and attributes of each part."""


def _in_parts(arrays: Arrays, where: str) -> Parts:
    """A file that has its own test part."""
    images = {part: channels_first(arrays.pop(f"x_{part}"), f"x_{part} of {where}") for part in PARTS}
    labels = {part: as_labels(arrays.pop(f"y_{part}"), f"y_{part} of {where}") for part in PARTS}
    return images, labels, part_attributes(arrays, {part: len(rows) for part, rows in labels.items()}, where)


def _whole(arrays: Arrays, where: str, share: float, seed: int) -> Parts:
    """A file without one; the test part is drawn."""
    images = channels_first(arrays.pop("images"), f"images of {where}")
    labels = as_labels(arrays.pop("labels"), f"labels of {where}")
    if len(images) != len(labels):
        raise DataError(f"{where} has {len(images)} images but {len(labels)} labels; give one label for each image.")
    columns = part_attributes(arrays, {"all": len(labels)}, where)["all"]
    rows = draw_parts(labels, share, seed)
    return (
        {part: images[chosen] for part, chosen in rows.items()},
        {part: labels[chosen] for part, chosen in rows.items()},
        {part: {name: column[chosen] for name, column in columns.items()} for part, chosen in rows.items()},
    )


def channels_first(images: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Images as bytes [n, channels, height, width] from [n, h, w], [n, h, w, channels] or [n, channels, h, w].

    Raises:
        DataError: Another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise DataError(
            f"{where} is {images.dtype} {list(images.shape)}; allowed is uint8 [n, height, width], with 1 or 3 channels before "
            "or after height and width. Scale to 0..255 and convert to uint8."
        )
    if images.ndim == 3:
        return images[:, None]
    return images if images.shape[1] in (1, 3) else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def read_npz(path: Path) -> Arrays:
    """All arrays of an .npz file, by name.

    Raises:
        DataError: The file is missing, damaged, a single array, or holds Python objects (pickles).
    """
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}; allowed is an existing .npz file. Correct the path.")
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{str(path)!r} is no whole .npz file (a pickle, a single array, or cut short). Write it with numpy.savez."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error}. Allowed are arrays of numbers and text, no Python objects; "
            "write it again with numpy.savez."
        ) from error
