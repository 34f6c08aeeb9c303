"""Small parameters as one vector, so that an optimiser step is one call instead of several for each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import nn

MOST = 1_000_000  # numbers; above it the arithmetic outweighs the calls


def fits_one_vector(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether they are few numbers, all float32 on one device, and laid out plainly (a channels-last weight is not)."""
    kinds = {(parameter.dtype, parameter.device) for parameter in parameters}
    small = sum(parameter.numel() for parameter in parameters) <= MOST
    return small and len(kinds) == 1 and all(parameter.is_contiguous() for parameter in parameters)


@contextlib.contextmanager
def one_vector(parameters: Sequence[nn.Parameter]) -> Iterator[nn.Parameter]:
    """While the block runs, the parameters and their gradients are windows into one vector and its gradient.

    Args:
        parameters: Those for which `fits_one_vector` holds. Afterwards each has storage of its own again, and no gradient.

    Returns:
        The vector, shape [numbers], with a gradient of zeros.
    """
    vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    vector.grad = torch.zeros_like(vector)
    sizes = [parameter.numel() for parameter in parameters]
    windows = zip(parameters, torch.split(vector.detach(), sizes), torch.split(vector.grad, sizes), strict=True)
    for parameter, values, gradient in windows:
        parameter.data, parameter.grad = values.view(parameter.shape), gradient.view(parameter.shape)
    try:
        yield vector
    finally:
        for parameter in parameters:
            parameter.data, parameter.grad = parameter.detach().clone(), None
