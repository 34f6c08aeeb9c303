"""Confidence, ranks and calibration: what evaluation computes from logits. Pure functions of tensors, in double precision."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def label_confidence(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Probability of the true class, 0 … 1.

    Example:
        >>> label_confidence(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([1])).round(decimals=4).tolist()
        [0.75]
    """
    return logits.double().softmax(-1).gather(1, labels[:, None].long()).squeeze(1)


def label_log_odds(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Confidence in the true class on the logit scale: log p - log(1 - p), any real number.

    Ranks examples as the negated cross-entropy does, but still tells them apart where p rounds to 1.

    Args:
        logits: Finite unnormalised scores of at least two classes.
        labels: True class of each example.

    Example:
        >>> label_log_odds(torch.tensor([[0.2, 0.8]]).log(), torch.tensor([1])).round(decimals=4).tolist()  # ln 4
        [1.3863]
    """
    index = labels[:, None].long()
    scores = logits.double()
    rivals = scores.scatter(1, index, -math.inf).logsumexp(-1)
    return scores.gather(1, index).squeeze(1) - rivals


def rank_auc(positive: Float[Tensor, " p"], negative: Float[Tensor, " q"]) -> float:
    """Probability that a positive example scores above a negative one, a tie counting one half: area under the ROC curve.

    Args:
        positive: Scores of at least one positive example.
        negative: Scores of at least one negative example.

    Returns:
        0 … 1; 0.5 when the scores say nothing, below 0.5 when positives score lower.

    Raises:
        ValueError: One side is empty, so that the area is not defined.

    Example:
        >>> rank_auc(torch.tensor([3.0, 2.0]), torch.tensor([2.0, 1.0]))  # pairs won: 1, 1, 0.5, 1
        0.875
    """
    if not len(positive) or not len(negative):
        raise ValueError(f"the area under the curve needs both sides, got {len(positive)} positive and {len(negative)} negative")
    sorted_negative, positive = negative.sort().values, positive.contiguous()
    below = torch.searchsorted(sorted_negative, positive, right=False)
    not_above = torch.searchsorted(sorted_negative, positive, right=True)
    return ((below + not_above).double().mean() / (2 * len(negative))).item()


def calibration_error(confidence: Float[Tensor, " n"], correct: Bool[Tensor, " n"], *, bins: int = 15) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, averaged over bins of equal width.

    Args:
        confidence: Largest probability of each example, 0 … 1; at least one example.
        correct: Whether the prediction was right.
        bins: Bins over 0 … 1, each open below and closed above.

    Returns:
        Sum over bins of (share of examples in it) * abs(accuracy - mean confidence), 0 … 1.

    Example:
        >>> confidence, correct = torch.tensor([0.9, 0.9, 0.6]), torch.tensor([True, False, True])
        >>> round(calibration_error(confidence, correct, bins=10), 4)  # (abs(1 - 1.8) + abs(1 - 0.6)) / 3
        0.4
    """
    bin_of = (confidence.double() * bins).ceil().long().clamp(1, bins) - 1
    excess = confidence.double() - correct.double()
    per_bin = torch.zeros(bins, dtype=torch.float64).index_add(0, bin_of.cpu(), excess.cpu())
    return (per_bin.abs().sum() / len(confidence)).item()


def logistic_regression(
    feature: Float[Tensor, " n"], positive: Bool[Tensor, " n"], weights: Float[Tensor, " n"], *, ridge: float = 1.0
) -> tuple[float, float]:
    """Fit P(positive) = sigmoid(slope * feature + intercept) by Newton's method.

    Minimises ridge / 2 * slope² + sum of weights * log-loss, the objective of scikit-learn's LogisticRegression with
    C = 1 / ridge: the intercept is not penalised. Starts from zero, so the same data give the same fit.

    Args:
        feature: One number per example; both sides must occur.
        positive: Side of each example.
        weights: Weight of each example, > 0.
        ridge: Penalty on the slope, > 0; keeps it finite where the sides are separable.

    Returns:
        Slope and intercept.

    Example:
        >>> x, side = torch.tensor([0.0, 1.0]), torch.tensor([False, True])
        >>> slope, intercept = logistic_regression(x, side, torch.ones(2))
        >>> slope > 0, abs(slope / 2 + intercept) < 1e-9  # even odds half way
        (True, True)
    """
    design = torch.stack([feature.double(), torch.ones_like(feature, dtype=torch.float64)], 1)
    signed = torch.where(positive, 1.0, -1.0).double()
    weights, penalty = weights.double(), torch.tensor([ridge, 0.0], dtype=torch.float64)

    def objective(theta: Tensor) -> Tensor:
        margins = signed * (design @ theta)
        return (penalty * theta**2).sum() / 2 - (weights * torch.nn.functional.logsigmoid(margins)).sum()

    theta = torch.zeros(2, dtype=torch.float64)
    value = objective(theta)
    for _ in range(100):
        wrong = torch.sigmoid(-signed * (design @ theta))
        gradient = penalty * theta - design.T @ (weights * signed * wrong)
        curvature = (design.T * (weights * wrong * (1 - wrong))) @ design + torch.diag(penalty + 1e-12)
        step = torch.linalg.solve(curvature, gradient)
        if float(step.abs().max()) < 1e-10:
            break
        scale, trial = 1.0, theta - step
        while (reached := objective(trial)) > value and scale > 1e-6:
            scale /= 2
            trial = theta - scale * step
        theta, value = trial, reached
    return float(theta[0]), float(theta[1])


def falling(values: Float[Tensor, " n"], weights: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The nearest sequence that never rises, by pooling adjacent violators.

    Args:
        values: In their order.
        weights: Weight of each in the sum of squares, > 0.

    Returns:
        Sequence that minimises the sum of weights * (it - values)^2 among those that never rise; float64.

    Example:
        >>> falling(torch.tensor([3.0, 1.0, 2.0]), torch.ones(3)).tolist()
        [3.0, 1.5, 1.5]
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values.double().tolist(), weights.double().tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] < pool[0]:
            mean, mass, count = pools.pop()
            total = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return torch.tensor([mean for mean, _, count in pools for _ in range(count)], dtype=torch.float64)
