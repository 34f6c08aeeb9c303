"""Small image data made by hand."""

from __future__ import annotations

import numpy as np

from lorasteer.tasks.vision.data import Examples, ImageData


def examples(part: str = "train", n: int = 6, *, channels: int = 1, side: int = 4, classes: int = 3) -> Examples:
    """Images whose pixels, labels and ids follow from their number; attributes `brightness` and `hue`."""
    images = (np.arange(n * channels * side * side) % 251).astype(np.uint8).reshape(n, channels, side, side)
    labels = np.arange(n, dtype=np.int64) % classes
    ids = np.array([f"{part}/{row:05d}" for row in range(n)])
    facts = {"brightness": images.mean((1, 2, 3)), "hue": np.array(["red", "blue"])[np.arange(n) % 2]}
    return Examples(images, labels, ids, facts)


def image_data(**sizes: int) -> ImageData:
    """Train and test of `examples` with class names a, b, c."""
    return ImageData("made", ("a", "b", "c"), examples("train", **sizes), examples("test", **sizes))
