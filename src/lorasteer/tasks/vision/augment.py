"""Random shifts and mirror images of a batch; the same generator state gives the same batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

Batch = Float[Tensor, "batch channels height width"]


def none(pixels: Batch, generator: Generator) -> Batch:
    """Leave the batch as it is; nothing is drawn."""
    return pixels


def crop(pixels: Batch, generator: Generator) -> Batch:
    """Shift each image by up to an eighth of its side, borders repeated; for digits, which must not be mirrored.

    Args:
        pixels: Preprocessed images.
        generator: CPU generator; it advances by two numbers per image.
    """
    padding = max(1, min(pixels.shape[-2:]) // 8)
    # A repeated border keeps the background: 0 is its colour only in images whose mean is 0.
    return _shift(functional.pad(pixels, (padding,) * 4, mode="replicate"), padding, pixels, generator)


def flip_crop(pixels: Batch, generator: Generator, padding: int = 4, flip: bool = True) -> Batch:
    """Shift each image by up to `padding` pixels, filling with 0, and mirror every second one on average.

    Args:
        pixels: Preprocessed images.
        generator: CPU generator; it advances by two numbers per image, by three with `flip`.
        padding: Largest shift in pixels in each direction, 0 or more.
        flip: Mirror left and right with probability one half.

    Returns:
        New images of the same shape; the input is not changed.

    Example:
        >>> one = torch.arange(4.0).view(1, 1, 2, 2)
        >>> flip_crop(one, torch.Generator().manual_seed(0), padding=0, flip=False).equal(one)
        True
    """
    shifted = _shift(functional.pad(pixels, (padding,) * 4), padding, pixels, generator)
    if not flip:
        return shifted
    mirrored = torch.rand(len(pixels), generator=generator).lt(0.5).to(pixels.device)
    return torch.where(mirrored[:, None, None, None], shifted.flip(3), shifted)


def _shift(padded: Tensor, padding: int, pixels: Tensor, generator: Generator) -> Tensor:
    """Cut from each padded image a window of the size of `pixels` at a random place."""
    height, width = pixels.shape[-2:]
    top, left = torch.randint(0, 2 * padding + 1, (2, len(pixels)), generator=generator).to(pixels.device)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(pixels), device=pixels.device), :, top, left]


AUGMENTATIONS: Mapping[str, Callable[[Tensor, Generator], Tensor]] = {"none": none, "crop": crop, "flip-crop": flip_crop}
"""Augmentations by name; each takes preprocessed images and a generator."""
