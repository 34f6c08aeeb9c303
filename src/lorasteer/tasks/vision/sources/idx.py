"""MNIST's idx files, plain or gzipped: MNIST, Fashion-MNIST, KMNIST, EMNIST."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources.assemble import as_labels, check_range, numbered, part_attributes
from lorasteer.tasks.vision.sources.catalog import SOURCES
from lorasteer.tasks.vision.sources.npz import read_npz

_PARTS = {"train": "train", "test": "t10k"}


def _is_idx_folder(path: Path) -> bool:
    return path.is_dir() and any(path.glob("train-images*idx3-ubyte*"))


@SOURCES.add(
    "idx",
    example="idx:path/to/mnist",
    reads="a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, plain or .gz",
    recognises=_is_idx_folder,
)
def idx(location: str) -> ImageData:
    """MNIST-like idx files, with classes.txt (one name a line) and attributes.npz beside them if present.

    Args:
        location: Folder of the four files. Arrays of attributes.npz are named `<name>_train` and `<name>_test`, or have a
            row for every example, the training part first.
    """
    folder = Path(location)
    classes = _class_names(folder)
    images, labels = {}, {}
    for part, prefix in _PARTS.items():
        images[part] = read_idx(_file(folder, f"{prefix}-images", 3), dimensions=3)[:, None]
        path = _file(folder, f"{prefix}-labels", 1)
        labels[part] = as_labels(read_idx(path, dimensions=1), path.name)
        check_range(labels[part], classes, path.name, "Name all classes in classes.txt, one a line, or correct the labels.")
    sizes = {part: len(rows) for part, rows in labels.items()}
    table = folder / "attributes.npz"
    attributes = part_attributes(read_npz(table), sizes, table.name) if table.is_file() else {part: {} for part in _PARTS}
    train, test = (Examples(images[p], labels[p], numbered(p, sizes[p]), attributes[p]) for p in _PARTS)
    return ImageData(f"idx:{location}", classes, train, test)


def _class_names(folder: Path) -> tuple[str, ...]:
    path = folder / "classes.txt"
    if not path.is_file():
        return tuple("0123456789")
    return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _file(folder: Path, prefix: str, dimensions: int) -> Path:
    names = [f"{prefix}{joint}idx{dimensions}-ubyte{ending}" for joint in "-." for ending in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"folder {str(folder)!r} has no {names[0]} (nor {names[1]}). Put all four idx files into it.")


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Bytes of one idx file.

    The file begins with two zero bytes, 8 (for bytes), the number of dimensions, and each size as a big-endian 32-bit number.

    Args:
        path: Plain or gzipped file.
        dimensions: 1 for labels, 3 for images.

    Returns:
        An array of its own, of the shape the header states.

    Raises:
        DataError: The file is damaged, is no idx file of bytes in so many dimensions, or holds fewer or more bytes than stated.
    """
    content = _content(path)
    wanted = bytes([0, 0, 8, dimensions])
    if content[:4] != wanted:
        raise DataError(
            f"{str(path)!r} begins with {content[:4].hex() or 'nothing'}, allowed is {wanted.hex()} (idx, bytes, {dimensions} "
            "dimensions). Put the right file under this name."
        )
    start = 4 + 4 * dimensions
    sizes = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    stated: Any = start + int(np.prod(sizes, dtype=object))
    if len(content) != stated:
        raise DataError(
            f"{str(path)!r} holds {len(content)} bytes, its header states {stated} for {sizes}; it is cut short or damaged. "
            "Copy or download it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{str(path)!r} cannot be read: {error}. Copy or download it again.") from error
