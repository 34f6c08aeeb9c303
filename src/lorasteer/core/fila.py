r"""FILA: where a LoRA adapter begins, so that what it trains matters for the forget set and little for the rest.

Cha et al., ICLR 2025, arXiv:2408.06621. Notation: W [out, in] a layer's weight, A [r, in] and B [out, r] the adapter, with
scaling s = alpha / r, F_f and F_r squared gradients of the loss on forget and retain examples.

The adapter begins at the best approximation of W of rank r, each row weighted by its relative importance, and the frozen weight
becomes the residual W - s B A: nothing changes yet. Differs from the authors' code in: what keeps the ratio F_f / F_r finite is a
share of the mean F_r of the tensor, because their 1e-5 is larger than most F_r and makes the ratio absolute; row weights are
normalised; the decomposition is exact or nearly so, in float32; and the base is not overwritten: the trained adapter is given out
as the difference from where it began, an ordinary LoRA of rank 2 r for the untouched base.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lorasteer.errors import PlanError

EXACT_UP_TO = 512  # smaller side of a matrix whose whole decomposition is cheap
OVERSAMPLING = 16  # further directions that the iteration carries along
ITERATIONS = 8
LEAST_ROW = 1e-3  # weight of a row that does not matter, as a share of the mean one


class Pair(NamedTuple):
    """The two matrices of a LoRA adapter; what it adds to the weight is scaling * up @ down."""

    down: Tensor
    """A, shape [r, in]."""
    up: Tensor
    """B, shape [out, r]."""


def relative_importance(
    forget: Float[Tensor, "out in"], retain: Float[Tensor, "out in"], *, floor: float = 0.1
) -> Float[Tensor, "out in"]:
    """How much more each weight matters for the forget set than for the rest: F_f / (F_r + floor * mean F_r).

    Args:
        forget: F_f, at 0 or above.
        retain: F_r of the same weights.
        floor: Share of the mean that is added, so that the ratio keeps its meaning whatever the scale of gradients.

    Returns:
        At 0 or above, float32. F_f itself where F_r is 0 throughout.

    Example:
        >>> relative_importance(torch.tensor([[2.0, 2.0]]), torch.tensor([[0.0, 2.0]]), floor=1.0).tolist()
        [[2.0, 0.6666666865348816]]
    """
    among_retained = retain.float()
    mean = among_retained.mean()
    return forget.float() / (among_retained + floor * mean) if mean > 0 else forget.float()


def row_weights(importance: Float[Tensor, "out in"]) -> Float[Tensor, " out"]:
    """Square root of each row's summed importance, with a mean square of 1; no row counts for nothing.

    Example:
        >>> row_weights(torch.tensor([[9.0, 0.0], [3.0, 4.0]])).square().mean().item()
        1.0
    """
    rows = importance.float().sum(1).sqrt()
    size = rows.square().mean().sqrt()
    return (rows / size).clamp(min=LEAST_ROW) if size > 0 else torch.ones_like(rows)


def first_pair(weight: Float[Tensor, "out in"], rows: Float[Tensor, " out"], rank: int, scaling: float) -> Pair:
    """The pair that minimises the Frobenius norm of diag(rows) (W - s B A).

    With diag(rows) W = U S V^T: A = sqrt(S / s) V^T and B = diag(1 / rows) U sqrt(S / s), of the leading `rank` directions.

    Args:
        weight: W; of a GPT-2 `Conv1D`, which stores it the other way round, transposed.
        rows: Weight of each row, above 0.
        rank: At most the smaller side of W.
        scaling: s, above 0.

    Returns:
        A and B in float32.

    Raises:
        PlanError: The rank is too large.

    Example:
        >>> weight = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
        >>> down, up = first_pair(weight, torch.tensor([1.0, 2.0]), 1, 1.0)  # weighted, the second row is the larger
        >>> (up @ down).round(decimals=4).abs().tolist()
        [[0.0, 0.0], [0.0, 2.0]]
    """
    if rank > min(weight.shape):
        raise PlanError(
            f"adapter rank {rank} is larger than a weight of {tuple(weight.shape)} allows. Choose rank <= {min(weight.shape)}."
        )
    matrix = rows[:, None].float() * weight.float()
    left, sizes, right = _leading(matrix, rank)
    roots = (sizes / scaling).sqrt()
    return Pair(roots[:, None] * right, left * roots / rows[:, None].float())


def residual(weight: Float[Tensor, "out in"], pair: Pair, scaling: float) -> Float[Tensor, "out in"]:
    """What stays frozen beneath a pair: W - s B A, in float32.

    Example:
        >>> residual(torch.eye(2), Pair(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0], [0.0]])), 1.0).tolist()
        [[0.0, 0.0], [0.0, 1.0]]
    """
    return weight.float() - scaling * (pair.up @ pair.down)


def difference(trained: Pair, first: Pair) -> Pair:
    """An ordinary LoRA for the untouched weight: s (B1 A1 - B0 A0) as one pair of rank 2 r with the same scaling.

    A' = [A1; A0] and B' = [B1, -B0]; with rank 2 r the same scaling means alpha' = 2 alpha.

    Example:
        >>> one, two = torch.ones(1, 1), 2 * torch.ones(1, 1)
        >>> down, up = difference(Pair(two, two), Pair(one, one))
        >>> (up @ down).item()  # 2 * 2 - 1 * 1
        3.0
    """
    return Pair(torch.cat([trained.down, first.down]), torch.cat([trained.up, -first.up], 1))


def _leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Leading left directions [out, r], sizes [r], and right directions [r, in] of a matrix."""
    carried = min(rank + OVERSAMPLING, *matrix.shape)
    if min(matrix.shape) <= EXACT_UP_TO or carried == min(matrix.shape):
        left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
        return left[:, :rank], sizes[:rank], right[:rank]
    generator = torch.Generator(device=matrix.device).manual_seed(0)
    basis = torch.randn(matrix.shape[1], carried, generator=generator, device=matrix.device)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(matrix.T @ torch.linalg.qr(matrix @ basis).Q).Q
    left, sizes, within = torch.linalg.svd(matrix @ basis, full_matrices=False)
    return left[:, :rank], sizes[:rank], (within @ basis.T)[:rank]
