"""Bytes become the numbers a model reads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lorasteer.errors import DataError
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.pixels import Preprocess, default_preprocess, to_pixels
from tests.support.errors import refuses
from tests.support.images import examples


def two_channels_of(values: list[int]) -> ImageData:
    """Three channels: the values, a constant 51, and zeros; one row of pixels per image."""
    row = np.array(values, np.uint8).reshape(-1, 1, 1, 2)
    images = np.concatenate([row, np.full_like(row, 51), np.zeros_like(row)], axis=1)
    n = len(images)
    part = Examples(images, np.arange(n) % 2, np.array([str(i) for i in range(n)]))
    other = dataclasses.replace(part, images=255 - images)
    return ImageData("made", ("a", "b"), part, other)


def test_mean_and_spread_by_hand() -> None:
    """Bytes 0, 0, 255, 255 are 0, 0, 1, 1: mean 0.5, spread 0.5. 51 / 255 = 0.2 never varies, so its spread is 1."""
    found = default_preprocess(two_channels_of([0, 255, 255, 0]))
    assert found == Preprocess(mean=(0.5, 0.2, 0.0), std=(0.5, 1.0, 1.0))


def test_it_is_rounded_to_four_digits() -> None:
    """Bytes 0, 0, 0, 1: mean 1 / 1020 = 0.00098, spread sqrt(3) / 4 / 255 = 0.0016981."""
    found = default_preprocess(two_channels_of([0, 0, 0, 1]))
    assert (found.mean[0], found.std[0]) == (0.001, 0.0017)


def test_each_channel_has_its_own_mean() -> None:
    """(51 / 255 - 0.1) / 0.5 = 0.2 and (51 / 255 - 0.2) / 0.1 = 0."""
    images = np.full((1, 3, 1, 1), 51, np.uint8)
    pixels = to_pixels(images, Preprocess(mean=(0.1, 0.2, 0.0), std=(0.5, 0.1, 1.0)))
    torch.testing.assert_close(pixels.flatten(), torch.tensor([0.2, 0.0, 0.2]), atol=1e-6, rtol=0)


def test_array_and_tensor_give_the_same_and_stay_as_they_are() -> None:
    images = examples(channels=3).images
    before, preprocess = images.copy(), Preprocess(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    pixels = to_pixels(images, preprocess)
    assert pixels.dtype == torch.float32
    assert pixels.equal(to_pixels(torch.from_numpy(images), preprocess))
    assert np.array_equal(images, before)


def test_read_only_and_reversed_arrays_are_read() -> None:
    images = examples().images
    images.flags.writeable = False
    preprocess = Preprocess(mean=(0.0,), std=(1.0,))
    assert to_pixels(images[::-1], preprocess).equal(to_pixels(images, preprocess).flip(0))


@pytest.mark.parametrize(
    ("images", "words"),
    [(np.zeros((2, 3, 4, 4), np.uint8), "[2, 3, 4, 4]"), (np.zeros((2, 1, 4, 4), np.float32), "float32")],
)
def test_other_images_are_refused(images: np.ndarray, words: str) -> None:
    with refuses(DataError, words, "uint8 [n, 1, height, width]"):
        to_pixels(images, Preprocess(mean=(0.5,), std=(0.5,)))


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.0,)), ((0.5,), (0.5, 0.5)), ((), ()), ((float("nan"),), (1.0,))])
def test_impossible_numbers_are_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Preprocess(mean=mean, std=std)


def test_preprocess_goes_to_json_and_back() -> None:
    preprocess = Preprocess(mean=(0.1307,), std=(0.3081,))
    assert Preprocess.from_json(preprocess.to_json()) == preprocess
