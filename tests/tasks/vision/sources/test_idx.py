"""MNIST-like files, whole and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources import load_data
from lorasteer.tasks.vision.sources.idx import read_idx
from tests.support.errors import refuses

TRAIN = (np.arange(4 * 2 * 3) % 256).astype(np.uint8).reshape(4, 2, 3)
TEST = TRAIN[:2] + 100


def encode(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def write(folder: Path, *, joint: str = "-", zipped: bool = False, labels: tuple[int, ...] = (0, 1, 2, 1)) -> Path:
    files = {
        f"train-images{joint}idx3-ubyte": TRAIN,
        f"train-labels{joint}idx1-ubyte": np.array(labels, np.uint8),
        f"t10k-images{joint}idx3-ubyte": TEST,
        f"t10k-labels{joint}idx1-ubyte": np.array([1, 0], np.uint8),
    }
    for name, values in files.items():
        content = encode(values)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("joint", ["-", "."])
def test_four_files(tmp_path: Path, joint: str, zipped: bool) -> None:
    data = load_data(str(write(tmp_path, joint=joint, zipped=zipped)))
    assert np.array_equal(data.train.images[:, 0], TRAIN)
    assert np.array_equal(data.test.images[:, 0], TEST)
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 1, 2, 1], [1, 0])
    assert data.classes == tuple("0123456789")
    assert data.train.ids[3] == "train/00003"


def test_class_names_and_attributes_beside_them(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("shirt\nshoe\n\nbag\n")
    np.savez(tmp_path / "attributes.npz", tilt_train=np.zeros(4, np.float16), tilt_test=np.ones(2, np.float16), row=np.arange(6))
    data = load_data(str(write(tmp_path)))
    assert data.classes == ("shirt", "shoe", "bag")
    assert data.test.attributes["tilt"].tolist() == [1, 1]
    assert (data.train.attributes["row"].tolist(), data.test.attributes["row"].tolist()) == ([0, 1, 2, 3], [4, 5])


def test_label_without_a_class(tmp_path: Path) -> None:
    with refuses(DataError, "label 10 of example 2", "train-labels-idx1-ubyte", "0 to 9", "classes.txt"):
        load_data(str(write(tmp_path, labels=(0, 1, 10, 1))))


def test_labels_and_images_of_different_number(tmp_path: Path) -> None:
    with refuses(DataError, "'images' has 4 rows", "3 labels"):
        load_data(str(write(tmp_path, labels=(0, 1, 1))))


def test_missing_file(tmp_path: Path) -> None:
    (write(tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with refuses(DataError, "has no t10k-labels-idx1-ubyte", "four"):
        load_data(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encode(TRAIN)[:-1], ("39 bytes", "states 40", "[4, 2, 3]", "cut short")),
        (encode(TRAIN) + b"x", ("41 bytes", "states 40")),
        (encode(TRAIN)[:9], ("9 bytes", "cut short")),
        (encode(TRAIN[0]), ("00000802", "allowed is 00000803")),
        (b"", ("begins with nothing",)),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"x", ("states 79228162458924105385300197391",)),
    ],
)
def test_damaged_file(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with refuses(DataError, str(path), *words):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(encode(TRAIN), mtime=0)[:-9], b"not gzip at all", gzip.compress(b"x" * 99, mtime=0)[:20] + b"?" * 20],
)
def test_damaged_gzip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with refuses(DataError, str(path), "cannot be read", "download it again"):
        read_idx(path, dimensions=3)


def test_attribute_of_wrong_length(tmp_path: Path) -> None:
    np.savez(tmp_path / "attributes.npz", tilt_train=np.zeros(3), tilt_test=np.ones(2))
    with refuses(DataError, "'tilt_train'", "attributes.npz", "[3]", "[4]"):
        load_data(str(write(tmp_path)))


@pytest.mark.realdata
def test_mnist(shared_data: Path) -> None:
    """60,000 and 10,000 images; mean pixel 33.32 of 255 and 5,923 zeros in train are the published figures."""
    data = load_data(str(shared_data / "mnist"))
    assert (data.shape, len(data.train), len(data.test)) == ((1, 28, 28), 60_000, 10_000)
    assert np.bincount(data.train.labels)[0] == 5_923
    assert data.train.images.mean() == pytest.approx(33.318, abs=0.001)
    assert set(data.train.attributes) == {"slant", "thickness", "ink", "width", "height"}
    assert len(data.test.attributes["slant"]) == 10_000


@pytest.mark.realdata
def test_slant_agrees_with_the_published_attribute(shared_data: Path) -> None:
    """The attribute file measures the same slant, stored in half precision."""
    from lorasteer.tasks.vision.sources.digits import slant

    test = load_data(str(shared_data / "mnist")).test
    assert np.abs(slant(test.images) - test.attributes["slant"]).max() < 0.002
