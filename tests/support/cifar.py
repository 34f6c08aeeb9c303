"""CIFAR from sheets: lossless WebP images of 25 rows of 40 tiles, and `labels.npz` beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.pixels import Preprocess

ROWS, COLUMNS, SIDE = 25, 40, 32
PER_SHEET = ROWS * COLUMNS

RESNET20_PREPROCESS = Preprocess(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What the published ResNet-20 weights expect of their pixels."""


def read_sheet(path: Path) -> NDArray[np.uint8]:
    """The 1,000 images of one sheet, uint8 [1000, 3, 32, 32], row by row."""
    with Image.open(path) as image:
        sheet = np.asarray(image.convert("RGB"))
    tiles = sheet.reshape(ROWS, SIDE, COLUMNS, SIDE, 3).transpose(0, 2, 4, 1, 3)
    return tiles.reshape(PER_SHEET, 3, SIDE, SIDE)


def _words(column: NDArray[np.bytes_]) -> NDArray[np.str_]:
    return np.char.decode(column, "utf-8")


def _images(folder: Path, part: str, sheets: int) -> NDArray[np.uint8]:
    return np.concatenate([read_sheet(folder / f"{part}_{sheet:02d}.webp") for sheet in range(sheets)])


def _ids(part: str, n: int) -> NDArray[np.str_]:
    return np.array([f"{part}/{row:05d}" for row in range(n)])


def load_cifar10(folder: Path | str, *, train_sheets: int = 50, test_sheets: int = 10) -> ImageData:
    """CIFAR-10 in the official order, with the attributes `subname` (396 sub-classes such as tabby_cat) and `filename`.

    Args:
        folder: Where the sheets and labels.npz lie.
        train_sheets: How many of the 50 sheets of 1,000 training images to read.
        test_sheets: How many of the 10 sheets of test images.
    """
    folder = Path(folder)
    with np.load(folder / "labels.npz", allow_pickle=False) as file:
        table = {name: file[name] for name in file.files}
    subnames = _words(table["subname"])
    parts = []
    for part, sheets in (("train", train_sheets), ("test", test_sheets)):
        n = sheets * PER_SHEET
        facts = {"subname": subnames[table[f"sub_{part}"][:n]], "filename": _words(table[f"filename_{part}"][:n])}
        labels = table[f"y_{part}"][:n].astype(np.int64)
        parts.append(Examples(_images(folder, part, sheets), labels, _ids(part, n), facts))
    return ImageData("cifar10", tuple(_words(table["classes"]).tolist()), *parts)


def load_cifar100(folder: Path | str, *, train_sheets: int = 10, test_sheets: int = 2) -> ImageData:
    """The CIFAR-100 subset with its 100 fine classes and the attributes `coarse` (20 groups) and `filename`.

    Args:
        folder: Where the sheets and labels.npz lie.
        train_sheets: How many of the 10 sheets of training images to read.
        test_sheets: How many of the 2 sheets of test images.
    """
    folder = Path(folder)
    with np.load(folder / "labels.npz", allow_pickle=False) as file:
        table = {name: file[name] for name in file.files}
    coarse = _words(table["coarse_names"])
    parts = []
    for part, sheets in (("train", train_sheets), ("test", test_sheets)):
        n = sheets * PER_SHEET
        facts = {"coarse": coarse[table[f"coarse_{part}"][:n]], "filename": _words(table[f"filename_{part}"][:n])}
        labels = table[f"fine_{part}"][:n].astype(np.int64)
        parts.append(Examples(_images(folder, part, sheets), labels, _ids(part, n), facts))
    return ImageData("cifar100", tuple(_words(table["fine_names"]).tolist()), *parts)
