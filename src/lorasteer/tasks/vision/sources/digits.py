"""The embedded default: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources.assemble import Seed, Share, draw_parts
from lorasteer.tasks.vision.sources.catalog import SOURCES


@SOURCES.add("digits", example="digits", reads="nothing; it comes with scikit-learn", needs_location=False)
def digits(location: str = "", *, test_share: Share = 0.3, seed: Seed = 0) -> ImageData:
    """1,797 handwritten digits of 8x8 pixels, with the attributes ink and slant; no download.

    Args:
        location: Not used.
        test_share: Share of each digit in the test part.
        seed: Same seed, same parts. An image keeps its number in any split: `train/00012` is row 12 of the data set.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * 255 / 16).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    parts = draw_parts(labels, test_share, seed)
    train, test = (_part(part, rows, images, labels) for part, rows in parts.items())
    return ImageData("digits", tuple("0123456789"), train, test)


def _part(part: str, rows: NDArray[np.int64], images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Examples:
    ids = np.array([f"{part}/{row:05d}" for row in rows])
    attributes = {"ink": ink(images[rows]), "slant": slant(images[rows])}
    return Examples(images[rows], labels[rows], ids, attributes)


def ink(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean of all pixels of each image, 0 to 255.

    Args:
        images: Shape [n, 1, height, width].
    """
    mean: NDArray[np.float64] = images.mean((1, 2, 3), dtype=np.float64)
    return mean


def slant(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far strokes lean right: columns moved for each row upward; 0 upright, negative leaning left.

    With the central moments of the ink, slant = -mu_11 / mu_02 (y counts rows downward). Sums are whole numbers, so the
    result is the same on every machine.

    Args:
        images: Shape [n, 1, height, width].

    Returns:
        Shape [n]; 0 where the ink lies in one row or there is none.

    Example:
        >>> slant(np.array([[[[0, 0, 9], [0, 9, 0], [9, 0, 0]]]], np.uint8)).tolist()
        [1.0]
    """
    mass = images[:, 0].astype(np.int64)
    y, x = np.indices(mass.shape[1:])
    total, of_x, of_y = mass.sum((1, 2)), (mass * x).sum((1, 2)), (mass * y).sum((1, 2))
    shared = total * (mass * x * y).sum((1, 2)) - of_x * of_y
    spread = total * (mass * y * y).sum((1, 2)) - of_y * of_y
    lean: NDArray[np.float64] = -shared / np.where(spread == 0, 1, spread)
    return lean + 0.0  # turns -0.0 into 0.0
