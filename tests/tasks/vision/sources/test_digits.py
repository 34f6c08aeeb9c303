"""The embedded digits: the same on every machine, with two attributes computed from the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources import load_data
from lorasteer.tasks.vision.sources.digits import ink, slant
from tests.support.errors import refuses


def test_shape_share_and_classes() -> None:
    """1,797 digits; 30 % of each of the ten digits, rounded, make 539 test images."""
    data = load_data("digits")
    assert (data.shape, len(data.train), len(data.test)) == ((1, 8, 8), 1258, 539)
    assert data.classes == tuple("0123456789")
    share = np.bincount(data.test.labels) / (np.bincount(data.test.labels) + np.bincount(data.train.labels))
    assert np.abs(share - 0.3).max() < 0.004


def test_pixels_are_those_of_scikit_learn() -> None:
    """Its 0 to 16 become 0 to 255: 16 is 255, 8 is 127.5, rounded to the even 128."""
    data, source = load_data("digits"), load_digits()
    rows = [int(name.split("/")[1]) for name in data.test.ids]
    assert np.array_equal(data.test.labels, source.target[rows])
    assert np.abs(data.test.images[:, 0] / 255 * 16 - source.images[rows]).max() <= 0.5 / 255 * 16
    assert set(data.test.images[:, 0][source.images[rows] == 8]) == {128}
    assert data.test.images.max() == 255


def test_the_same_bit_for_bit_on_every_machine() -> None:
    assert load_data("digits").digest == "7cada98cc5b70f1bf9dcff0c54d53f9428cffbc1e5b018b6ee119800f1dd9757"


def test_seed_and_share() -> None:
    assert load_data("digits", seed=1).digest != load_data("digits").digest
    assert len(load_data("digits?test_share=0.5").test) == pytest.approx(1797 / 2, abs=5)
    train, test = load_data("digits", seed=1).train, load_data("digits", seed=1).test
    rows = sorted(int(name.split("/")[1]) for name in [*train.ids, *test.ids])
    assert rows == list(range(1797))


def image(*rows: list[int]) -> np.ndarray:
    return np.array([[rows]], np.uint8)


@pytest.mark.parametrize(
    ("picture", "lean"),
    [
        (image([0, 0, 9], [0, 9, 0], [9, 0, 0]), 1.0),
        (image([9, 0, 0], [0, 9, 0], [0, 0, 9]), -1.0),
        (image([0, 9, 0], [0, 9, 0], [0, 9, 0]), 0.0),
        (image([0, 9, 9], [0, 9, 0], [9, 9, 0]), 0.5),
        (image([0, 0, 0], [9, 9, 9], [0, 0, 0]), 0.0),
        (image([0, 0, 0], [0, 0, 0], [0, 0, 0]), 0.0),
    ],
)
def test_slant_by_hand(picture: np.ndarray, lean: float) -> None:
    """Fourth case, about the centre: rows -1, 0, 1 hold x = {0, 1}, {0}, {-1, 0}.

    mu_11 = (-1)(0 + 1) + (1)(-1 + 0) = -2 and mu_02 = 2 + 0 + 2 = 4 (times 9 each), so the slant is 2 / 4.
    """
    assert slant(picture).tolist() == [lean]


def test_ink_by_hand() -> None:
    """(255 + 51) / 4 = 76.5."""
    assert ink(image([255, 0], [51, 0])).tolist() == [76.5]


def test_attributes_are_of_the_images_they_stand_beside() -> None:
    test = load_data("digits").test
    assert np.array_equal(test.attributes["ink"], ink(test.images))
    assert np.array_equal(test.attributes["slant"], slant(test.images))
    assert test.attributes["slant"].std() > 0.1


def test_it_takes_no_place() -> None:
    with refuses(DataError, "'digits' takes no place", "digits:here"):
        load_data("digits:here")
