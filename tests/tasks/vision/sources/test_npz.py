"""NumPy archives, whole and damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources import load_data
from tests.support.errors import refuses

X = (np.arange(8 * 4 * 5 * 3) % 256).astype(np.uint8).reshape(8, 4, 5, 3)
Y = np.arange(8) % 2
SPLIT: dict[str, Any] = {"x_train": X[:5], "y_train": Y[:5], "x_test": X[5:], "y_test": Y[5:]}


def write(tmp_path: Path, **arrays: Any) -> str:
    np.savez(tmp_path / "data.npz", **arrays)
    return str(tmp_path / "data.npz")


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_channels_last_and_first(tmp_path: Path, layout: tuple[int, ...]) -> None:
    arrays = {**SPLIT, "x_train": X[:5].transpose(layout), "x_test": X[5:].transpose(layout)}
    data = load_data(write(tmp_path, **arrays))
    assert np.array_equal(data.train.images, X[:5].transpose(0, 3, 1, 2))
    assert (data.shape, len(data.test), data.classes) == ((3, 4, 5), 3, ("0", "1"))


def test_grey_images_classes_and_attributes(tmp_path: Path) -> None:
    arrays = {**SPLIT, "x_train": X[:5, ..., 0], "x_test": X[5:, ..., 0], "y_train": Y[:5, None]}
    facts = {"hue_train": np.array([b"red"] * 5), "hue_test": np.array([b"blue"] * 3), "row": np.arange(8)}
    data = load_data(write(tmp_path, **arrays, classes=np.array(["cat", "dog"]), **facts))
    assert (data.shape, data.classes) == ((1, 4, 5), ("cat", "dog"))
    assert data.test.attributes["hue"].tolist() == ["blue"] * 3
    assert data.test.attributes["row"].tolist() == [5, 6, 7]


def test_one_part_is_split_and_attributes_follow(tmp_path: Path) -> None:
    place = write(tmp_path, images=X, labels=Y, row=np.arange(8))
    data = load_data(place, test_share=0.25, seed=3)
    assert np.bincount(data.test.labels).tolist() == [1, 1]
    for part in (data.train, data.test):
        assert np.array_equal(part.images, X[part.attributes["row"]].transpose(0, 3, 1, 2))
        assert np.array_equal(part.labels, Y[part.attributes["row"]])
    assert load_data(data.name).digest == data.digest


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x_train": X, "y_train": Y}, ("x_train, y_train;", "x_test", "images and labels")),
        ({}, ("arrays none;",)),
        ({**SPLIT, "x_train": X[:5] / 255}, ("x_train of data.npz is float64", "uint8")),
        ({**SPLIT, "x_train": X[:5, 0, 0]}, ("[5, 3]",)),
        ({**SPLIT, "x_train": X[:5, ..., :2]}, ("(5, 2, 4, 5)",)),
        ({**SPLIT, "x_test": X[5:, :2]}, ("(3, 4, 5)", "(3, 2, 5)", "resize")),
        ({**SPLIT, "y_train": Y[:4]}, ("'images' has 5 rows", "4 labels")),
        ({**SPLIT, "y_train": Y[:5] / 2}, ("labels in y_train of data.npz are float64",)),
        ({**SPLIT, "y_train": Y[:5] - 1}, ("label -1 of example 0", "data.npz (train)")),
        ({**SPLIT, "classes": np.array(["one", "two"]), "y_test": Y[5:] + 1}, ("label 2", "(test)", "`classes`")),
        ({**SPLIT, "row": np.arange(7)}, ("'row'", "[7]", "[8]")),
        ({"images": X, "labels": Y[:7]}, ("8 images but 7 labels",)),
    ],
)
def test_refused(tmp_path: Path, arrays: dict[str, Any], words: tuple[str, ...]) -> None:
    with refuses(DataError, *words):
        load_data(write(tmp_path, **arrays))


def test_pickled_objects_are_refused_unread(tmp_path: Path) -> None:
    place = write(tmp_path, **SPLIT, classes=np.array(["a", {"b": 1}], object))
    with refuses(DataError, "cannot be read", "no Python objects"):
        load_data(place)


@pytest.mark.parametrize("keep", [0, 10, -30])
def test_cut_short(tmp_path: Path, keep: int) -> None:
    path = Path(write(tmp_path, **SPLIT))
    path.write_bytes(path.read_bytes()[:keep])
    with refuses(DataError, "no whole .npz file"):
        load_data(str(path))


def test_damaged_inside(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", **SPLIT)
    path = tmp_path / "data.npz"
    content = bytearray(path.read_bytes())
    content[100:130] = b"\x00" * 30
    path.write_bytes(content)
    with refuses(DataError, "cannot be read"):
        load_data(str(path))


def test_missing(tmp_path: Path) -> None:
    with refuses(DataError, "there is no file"):
        load_data(f"npz:{tmp_path / 'nothing.npz'}")
