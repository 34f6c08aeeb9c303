"""Projection on the capped simplex: weights between 0 and 1 with a given sum. Pure functions, in double precision."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def project_capped_simplex(values: Float[Tensor, " n"], total: float) -> Float[Tensor, " n"]:
    """The nearest weights w with 0 <= w <= 1 and sum w = total.

    They are clamp(values - mu, 0, 1) for the one mu that gives the sum. It is found by bisection (Fan et al., ECCV 2024,
    arXiv:2403.07362), then made exact: between 0 and 1 the sum is linear in mu.

    Args:
        values: Finite numbers, at least one.
        total: Sum of the weights, 0 … n.

    Returns:
        Weights, float64.

    Raises:
        ValueError: No weights have this sum.

    Example:
        >>> import torch
        >>> project_capped_simplex(torch.tensor([2.0, 0.5, 0.25]), 1.5).tolist()  # mu = 1/8: 1, 3/8, 1/8
        [1.0, 0.375, 0.125]
    """
    if not 0 <= total <= len(values):
        raise ValueError(f"{len(values)} weights between 0 and 1 have a sum of 0 to {len(values)}, not {total}")
    values = values.double()
    low, high = values.min() - 1, values.max()  # all ones, all zeros
    for _ in range(100):
        middle = (low + high) / 2
        if (values - middle).clamp(0, 1).sum() > total:
            low = middle
        else:
            high = middle
    shift = (low + high) / 2
    between = (values - shift > 0) & (values - shift < 1)
    if between.any():
        ones = (values - shift >= 1).sum()
        shift = (values[between].sum() + ones - total) / between.sum()
    return (values - shift).clamp(0, 1)
