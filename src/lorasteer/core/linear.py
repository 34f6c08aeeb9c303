"""Linear readings of features: a probe, a head refitted on a few examples, an affine map, and likeness. In double precision."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_NEWTON_STEPS = 50


def linear_cka(one: Float[Tensor, "n d"], other: Float[Tensor, "n e"]) -> float:
    r"""Centred kernel alignment of two sets of features of the same examples, with the linear kernel.

    With columns centred: ||X'Y||² / (||X'X|| ||Y'Y||) in Frobenius norms. It does not change when either side is rotated,
    scaled or moved (Kornblith et al., ICML 2019, arXiv:1905.00414).

    Returns:
        0 (nothing in common) … 1 (equal up to rotation and scale); NaN where one side does not vary.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]])
        >>> round(linear_cka(x, 3 * x.flip(1) + 1), 6)
        1.0
    """
    x, y = (side.double() - side.double().mean(0) for side in (one, other))
    if len(x) < min(x.shape[1], y.shape[1]):  # the same three norms from n by n matrices
        gram_x, gram_y = x @ x.T, y @ y.T
        shared, own = (gram_x * gram_y).sum(), gram_x.norm() * gram_y.norm()
    else:
        shared, own = (x.T @ y).square().sum(), (x.T @ x).norm() * (y.T @ y).norm()
    return (shared / own).item() if own > 0 else float("nan")


def affine_map(
    source: Float[Tensor, "n d"], target: Float[Tensor, "n e"], *, ridge: float = 1e-6
) -> tuple[Float[Tensor, "d e"], Float[Tensor, " e"]]:
    """Matrix and offset that carry one set of features into another by least squares.

    Args:
        source: Features to carry over.
        target: What they shall become, example by example.
        ridge: Penalty on the matrix as a share of the mean variance of the source; keeps it finite where features never vary.

    Example:
        >>> matrix, offset = affine_map(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0]]))
        >>> round(matrix.item(), 3), round(offset.item(), 3)
        (2.0, 1.0)
    """
    x, y = source.double(), target.double()
    middle_x, middle_y = x.mean(0), y.mean(0)
    x, y = x - middle_x, y - middle_y
    gram = x.T @ x
    penalty = ridge * gram.diagonal().mean().clamp(min=1e-12)
    matrix = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=torch.float64), x.T @ y)
    return matrix, middle_y - middle_x @ matrix


def linear_probe(
    features: Float[Tensor, "n d"], positive: Bool[Tensor, " n"], *, ridge: float = 1.0
) -> tuple[Float[Tensor, " d"], float]:
    """Logistic regression by Newton's method, both sides weighted to count the same.

    Minimises ridge / 2 * |slopes|² + sum of weights * log-loss; the weights of each side sum to n / 2 and the intercept is not
    penalised. Features are best standardised before. Starts from zero: the same data give the same fit.

    Args:
        features: One row per example; both sides must occur.
        positive: Side of each example.
        ridge: Penalty on the slopes, > 0; keeps them finite where the sides are separable.

    Returns:
        Slopes and intercept; an example is called positive where features @ slopes + intercept > 0.

    Example:
        >>> x, side = torch.tensor([[0.0], [1.0], [1.0]]), torch.tensor([False, True, True])
        >>> slopes, intercept = linear_probe(x, side)
        >>> abs(slopes.item() / 2 + intercept) < 1e-9  # even odds half way, though one side holds two of three examples
        True
    """
    design = torch.cat([features.double(), torch.ones(len(features), 1, dtype=torch.float64)], 1)
    signed = torch.where(positive, 1.0, -1.0).double()
    counts = torch.where(positive, positive.sum(), (~positive).sum()).double()
    weights, penalty = len(features) / (2 * counts), torch.full((design.shape[1],), ridge, dtype=torch.float64)
    penalty[-1] = 0.0

    def objective(theta: Tensor) -> Tensor:
        return (penalty * theta**2).sum() / 2 - (weights * torch.nn.functional.logsigmoid(signed * (design @ theta))).sum()

    theta = torch.zeros(design.shape[1], dtype=torch.float64)
    value = objective(theta)
    for _ in range(_NEWTON_STEPS):
        wrong = torch.sigmoid(-signed * (design @ theta))
        gradient = penalty * theta - design.T @ (weights * signed * wrong)
        curvature = (design.T * (weights * wrong * (1 - wrong))) @ design + torch.diag(penalty + 1e-12)
        step = torch.linalg.solve(curvature, gradient)
        if float(step.abs().max()) < 1e-9:
            break
        scale = 1.0
        while (reached := objective(theta - scale * step)) > value and scale > 1e-6:
            scale /= 2
        theta, value = theta - scale * step, reached
    return theta[:-1], theta[-1].item()


def fitted_head(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int, *, ridge: float = 1.0
) -> tuple[Float[Tensor, "d classes"], Float[Tensor, " classes"]]:
    """A linear classifier by regularised least squares on one-hot labels, in closed form.

    Args:
        features: One row per example, best standardised.
        labels: Class of each example.
        classes: How many classes there are; one that does not occur gets scores of zero.
        ridge: Penalty on the matrix, > 0.

    Returns:
        Matrix and offset; the class of an example is the largest entry of features @ matrix + offset.

    Example:
        >>> matrix, offset = fitted_head(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 2)
        >>> matrix.round(decimals=4).tolist(), offset.tolist()  # gram 2 + ridge 1; cross -1 and 1: thirds
        ([[-0.3333, 0.3333]], [0.5, 0.5])
    """
    x = features.double()
    wanted = torch.nn.functional.one_hot(labels.long(), classes).double()
    middle, share = x.mean(0), wanted.mean(0)
    x, y = x - middle, wanted - share
    if len(x) < x.shape[1]:  # the same matrix from an n by n system
        matrix = x.T @ torch.linalg.solve(x @ x.T + ridge * torch.eye(len(x), dtype=torch.float64), y)
    else:
        matrix = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1], dtype=torch.float64), x.T @ y)
    return matrix, share - middle @ matrix
