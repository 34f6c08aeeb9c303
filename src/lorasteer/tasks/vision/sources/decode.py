"""Image files to bytes: every image of a data set in one size and one number of channels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import Field

from lorasteer.errors import DataError

Side = Annotated[int, Field(ge=1, le=4096)]
"""Side in pixels of the square that all images are resized to."""


def decode_all(files: Iterable[tuple[str, Path | BinaryIO]], n: int, *, size: int | None, grayscale: bool) -> NDArray[np.uint8]:
    """Decode images one by one into one array.

    Args:
        files: A name for messages, and what to open.
        n: How many there are, at least 1.
        size: Side of the square to resize to (bilinear); None keeps the size, which must then be equal in all.
        grayscale: One channel instead of three.

    Returns:
        Shape [n, 1 or 3, height, width].

    Raises:
        DataError: An image is damaged, or differs in size from the first; the message names it.
    """
    images: NDArray[np.uint8] | None = None
    first = ""
    for row, (name, file) in enumerate(files):
        image = decode(name, file, size=size, grayscale=grayscale)
        if images is None:
            images, first = np.empty((n, *image.shape), np.uint8), name
        if image.shape != images.shape[1:]:
            sizes = [f"{shape[2]}x{shape[1]}" for shape in (image.shape, images.shape[1:])]
            raise DataError(f"image {name!r} is {sizes[0]} but {first!r} is {sizes[1]}; give size=32, say, to resize all.")
        images[row] = image
    assert images is not None  # callers refuse empty data with a better message
    return images


def decode(name: str, file: Path | BinaryIO, *, size: int | None, grayscale: bool) -> NDArray[np.uint8]:
    """One image, upright, as bytes [1 or 3, height, width].

    Raises:
        DataError: It cannot be decoded.
    """
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("L" if grayscale else "RGB")
    # Pillow raises SyntaxError and ValueError for some damaged files, and its own class for absurd sizes
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(f"image {name!r} cannot be decoded: {error}. Replace it, or remove it from the data.") from error
    if size is not None:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if grayscale else pixels.transpose(2, 0, 1)
