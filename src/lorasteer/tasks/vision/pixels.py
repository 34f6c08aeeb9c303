"""Bytes to the numbers a model reads: x / 255, minus the mean, divided by the spread of each channel."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from lorasteer.errors import DataError
from lorasteer.records import Record
from lorasteer.tasks.vision.data import ImageData


class Preprocess(Record):
    """Mean and spread of each channel; part of a base model, because its weights mean nothing without them."""

    mean: tuple[float, ...]
    """Mean of each channel, in units where a byte of 255 is 1."""
    std: tuple[Annotated[float, Field(gt=0)], ...]
    """Standard deviation of each channel in the same units, above 0."""

    @model_validator(mode="after")
    def _same_channels(self) -> Self:
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError("mean and std need one number per channel each")
        return self


def to_pixels(
    images: NDArray[np.uint8] | UInt8[Tensor, "n channels height width"], preprocess: Preprocess
) -> Float[Tensor, "n channels height width"]:
    """Numbers a model reads: (byte / 255 - mean) / std, channel by channel.

    Args:
        images: Bytes, shape [n, channels, height, width]; an array or a tensor on any device.
        preprocess: Mean and spread of each of these channels.

    Returns:
        float32 of the same shape, on the device of `images` (CPU for an array). The input is not changed.

    Raises:
        DataError: The number of channels differs from that of `preprocess`, or the images are not bytes.

    Example:
        >>> to_pixels(np.array([[[[0, 255]]]], np.uint8), Preprocess(mean=(0.5,), std=(0.25,))).tolist()
        [[[[-2.0, 2.0]]]]
    """
    tensor = images if isinstance(images, Tensor) else torch.from_numpy(np.array(images, order="C"))
    channels = len(preprocess.mean)
    if tensor.dtype != torch.uint8 or tensor.ndim != 4 or tensor.shape[1] != channels:
        raise DataError(
            f"images are {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}, allowed is "
            f"uint8 [n, {channels}, height, width]. Load them with {channels} channel(s), or give the preprocess of these images."
        )
    mean, std = (torch.tensor(v, device=tensor.device).view(1, -1, 1, 1) for v in (preprocess.mean, preprocess.std))
    return tensor.to(torch.float32).div_(255).sub_(mean).div_(std)


def default_preprocess(data: ImageData) -> Preprocess:
    """Mean and standard deviation of each channel over the training images, rounded to 4 digits.

    They are computed from counts of byte values, so they are exact and do not depend on the order of the images.

    Args:
        data: Any image data; only its training images are read.

    Returns:
        One mean and one spread per channel; the spread is 1 for a channel that never varies, which leaves it at 0.
    """
    value = np.arange(256) / 255
    mean, std = [], []
    for channel in range(data.shape[0]):
        share = np.bincount(data.train.images[:, channel].ravel(), minlength=256) / data.train.images[:, channel].size
        centre = float(share @ value)
        mean.append(round(centre, 4))
        std.append(round(float(np.sqrt(share @ (value - centre) ** 2)), 4) or 1.0)
    return Preprocess(mean=tuple(mean), std=tuple(std))
