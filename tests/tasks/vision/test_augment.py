"""Shifts and mirror images: repeatable, in range, and nothing else."""

from __future__ import annotations

import pytest
import torch

from lorasteer.tasks.vision.augment import AUGMENTATIONS, crop, flip_crop


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (3, 3, 32, 32), (2, 1, 5, 9)])
def test_same_generator_same_batch(name: str, shape: tuple[int, ...]) -> None:
    pixels = torch.randn(shape, generator=seeded(1))
    before, augment = pixels.clone(), AUGMENTATIONS[name]
    first, again = augment(pixels, seeded()), augment(pixels, seeded())
    assert first.shape == pixels.shape
    assert first.equal(again)
    assert pixels.equal(before)


def test_none_draws_nothing() -> None:
    generator, pixels = seeded(), torch.ones(2, 1, 4, 4)
    state = generator.get_state()
    assert AUGMENTATIONS["none"](pixels, generator) is pixels
    assert generator.get_state().equal(state)


@pytest.mark.parametrize("name", ["crop", "flip-crop"])
def test_another_seed_another_batch(name: str) -> None:
    pixels = torch.randn(16, 1, 8, 8, generator=seeded(1))
    assert not AUGMENTATIONS[name](pixels, seeded(0)).equal(AUGMENTATIONS[name](pixels, seeded(1)))


def test_every_image_is_a_shifted_or_mirrored_copy() -> None:
    """With padding 1 there are 9 shifts and 2 mirrorings of a 3x3 image: each result is one of these 18."""
    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    windows = [padded[:, :, top : top + 3, left : left + 3] for top in range(3) for left in range(3)]
    allowed = {tuple(w.flatten().tolist()) for window in windows for w in (window, window.flip(3))}
    batch = flip_crop(image.expand(600, 1, 3, 3), seeded(), padding=1)
    assert {tuple(one.flatten().tolist()) for one in batch} == allowed
    assert len(allowed) == 18


def test_half_of_the_images_are_mirrored() -> None:
    """Of 2,000 fair draws the share of mirrored ones lies within 0.5 +- 0.05 (4.5 standard deviations)."""
    batch = flip_crop(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(2000, 1, 1, 2), seeded(), padding=0)
    assert batch[:, 0, 0, 0].mean().item() == pytest.approx(0.5, abs=0.05)


def test_crop_repeats_the_border_and_never_mirrors() -> None:
    """Columns 0 to 7 of an 8x8 image shift by at most one, so they stay in ascending order, first and last repeated."""
    image = torch.arange(8.0).view(1, 1, 1, 8).expand(50, 1, 8, 8)
    rows = {tuple(one[0, 0].tolist()) for one in crop(image, seeded())}
    assert rows == {(0, 0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7, 7)}
