"""The loader of CIFAR sheets that tests and benchmarks share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.cifar import load_cifar10, load_cifar100, read_sheet


def test_tiles_are_read_row_by_row(tmp_path: Path) -> None:
    """Tile (row 2, column 5) of 40 in a row is image 2 * 40 + 5 = 85; its pixel (3, 7) lies at (67, 167) of the sheet."""
    sheet = np.zeros((800, 1280, 3), np.uint8)
    sheet[2 * 32 + 3, 5 * 32 + 7] = (1, 2, 3)
    Image.fromarray(sheet).save(tmp_path / "sheet.webp", lossless=True, exact=True)
    images = read_sheet(tmp_path / "sheet.webp")
    assert images.shape == (1000, 3, 32, 32)
    assert images[85, :, 3, 7].tolist() == [1, 2, 3]
    assert images.sum() == 6


@pytest.mark.realdata
def test_cifar10(shared_data: Path) -> None:
    """The first training image of CIFAR-10 is a frog; its upper left pixel is (59, 62, 63)."""
    train = (data := load_cifar10(shared_data / "cifar10", train_sheets=1, test_sheets=1)).train
    assert (data.shape, len(data.train), len(data.test), data.classes[3]) == ((3, 32, 32), 1000, 1000, "cat")
    assert data.classes[train.labels[0]] == "frog"
    assert train.images[0, :, 0, 0].tolist() == [59, 62, 63]
    assert train.attributes["filename"][0] == "leptodactylus_pentadactylus_s_000004.png"
    assert train.attributes["subname"][0] == "leptodactylus_pentadactylus"


@pytest.mark.realdata
def test_cifar100(shared_data: Path) -> None:
    data = load_cifar100(shared_data / "cifar100", train_sheets=1, test_sheets=1)
    assert len(data.classes) == 100
    assert len(set(data.train.attributes["coarse"])) == 20
    groups = {(label, coarse) for label, coarse in zip(data.train.labels, data.train.attributes["coarse"], strict=True)}
    assert len(groups) == 100  # each fine class lies in one group
