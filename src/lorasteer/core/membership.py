"""Scores of membership inference: how much more a model's confidence fits "trained on this" than "never saw it".

Confidence is log p - log(1 - p) of the true class (`core.statistics.label_log_odds`), which is about normally distributed over
models trained on different data. What it would be with and without an example is known from shadow models, each trained on a
random half of the examples. Pure functions of tensors, in double precision; shadow models lie along the first dimension.

Sources: LiRA, Carlini et al. 2022, arXiv:2112.03570. U-LiRA, Hayes et al. 2024, arXiv:2403.01218. RMIA, Zarifzadeh et al. 2024,
arXiv:2312.03262.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

ENOUGH_FOR_OWN_SPREAD = 16  # shadow models on a side from which an example's own standard deviation is trusted
SMALLEST_SPREAD = 1e-3  # log-odds; shadow models that all agree would otherwise divide by zero


def moments(
    shadows: Float[Tensor, "k n"], chosen: Bool[Tensor, "k n"], *, own_spread: bool | None = None
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Mean and standard deviation of each example's confidence over the chosen shadow models.

    Args:
        shadows: Confidence of each shadow model in each example.
        chosen: Which shadow models count for which example; at least one for each.
        own_spread: Whether each example has a standard deviation of its own. Otherwise all share one, from the deviations of all
            examples from their own means. None decides: own from `ENOUGH_FOR_OWN_SPREAD` shadow models per example on.

    Returns:
        Mean and standard deviation, the latter at least `SMALLEST_SPREAD`.

    Raises:
        ValueError: An example has no chosen shadow model.

    Example:
        >>> mean, spread = moments(torch.tensor([[1.0], [3.0], [9.0]]), torch.tensor([[True], [True], [False]]), own_spread=True)
        >>> mean.item(), round(spread.item(), 4)  # of 1 and 3: deviations 1 and 1, divided by 2 - 1
        (2.0, 1.4142)
    """
    count = chosen.sum(0)
    if not bool((count > 0).all()):
        raise ValueError(f"{int((count == 0).sum())} of {len(count)} examples have no shadow model on one side")
    values, weights = shadows.double(), chosen.double()
    mean = (values * weights).sum(0) / count
    squares = ((values - mean) ** 2 * weights).sum(0)
    if own_spread is None:
        own_spread = bool((count >= ENOUGH_FOR_OWN_SPREAD).all())
    shared = squares.sum() / (count - 1).sum().clamp(min=1)
    variance = squares / (count - 1).clamp(min=1) if own_spread else shared.expand_as(mean)
    return mean, variance.sqrt().clamp(min=SMALLEST_SPREAD)


def likelihood_ratio(
    observed: Float[Tensor, " n"],
    shadows: Float[Tensor, "k n"],
    inside: Bool[Tensor, "k n"],
    *,
    outside: Bool[Tensor, "k n"] | None = None,
    own_spread: bool | None = None,
) -> Float[Tensor, " n"]:
    """Online LiRA: log density of the confidence under "trained on it" minus that under "never saw it", both Gaussian.

    U-LiRA is the same ratio with other shadow models: `inside` were trained on the example and have unlearned it, `outside` never
    saw it.

    Args:
        observed: Confidence of the measured model in each example.
        shadows: Confidence of each shadow model.
        inside: Shadow models on the one side.
        outside: Those on the other; all that are not `inside` when left out.
        own_spread: As in `moments`, for both sides alike.

    Returns:
        Any real number; above 0 the confidence fits `inside` better.

    Raises:
        ValueError: An example has no shadow model on one side.

    Example:
        >>> shadows = torch.tensor([[3.0], [5.0], [-1.0], [1.0]])  # means 4 and 0, both variances 2
        >>> inside = torch.tensor([[True], [True], [False], [False]])
        >>> score = likelihood_ratio(torch.tensor([3.0]), shadows, inside, own_spread=True)
        >>> round(score.item(), 4)  # (9 - 1) / (2 * 2)
        2.0
    """
    other = ~inside if outside is None else outside
    if own_spread is None:
        own_spread = bool((inside.sum(0) >= ENOUGH_FOR_OWN_SPREAD).all() and (other.sum(0) >= ENOUGH_FOR_OWN_SPREAD).all())
    sides = [_log_density(observed, *moments(shadows, side, own_spread=own_spread)) for side in (inside, other)]
    return sides[0] - sides[1]


def _log_density(at: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    return -(((at.double() - mean) / spread) ** 2) / 2 - spread.log() - math.log(2 * math.pi) / 2


def upper_tail(
    observed: Float[Tensor, " n"],
    shadows: Float[Tensor, "k n"],
    outside: Bool[Tensor, "k n"],
    *,
    own_spread: bool | None = None,
) -> Float[Tensor, " n"]:
    """Offline LiRA: by how many standard deviations the confidence exceeds that of models that never saw the example.

    The paper's score is the normal distribution function of this number; it ranks alike, but rounds to 1 from about 8 on.

    Args:
        observed: Confidence of the measured model in each example.
        shadows: Confidence of each shadow model.
        outside: Shadow models that never saw the example.
        own_spread: As in `moments`.

    Example:
        >>> shadows = torch.tensor([[-1.0], [1.0]])
        >>> score = upper_tail(torch.tensor([2.0]), shadows, torch.ones(2, 1, dtype=torch.bool), own_spread=True)
        >>> round(score.item(), 4)  # 2 / sqrt(2)
        1.4142
    """
    mean, spread = moments(shadows, outside, own_spread=own_spread)
    return (observed.double() - mean) / spread


def reference_log_probability(
    log_probability: Float[Tensor, "k n"], inside: Bool[Tensor, "k n"], *, offline: float | None = None
) -> Float[Tensor, " n"]:
    """RMIA's log p(x): the probability that an average model gives each example, whether or not it was trained on it.

    Online it is the mean of the two sides' means. Offline, without models trained on the example, it is
    (1 + a) / 2 * mean of the others + (1 - a) / 2.

    Args:
        log_probability: Log probability of the true class, of each shadow model.
        inside: Shadow models trained on the example.
        offline: The number a, 0 … 1; None is online.

    Raises:
        ValueError: An example has no shadow model on a side that is needed.

    Example:
        >>> inside = torch.tensor([[True], [False]])
        >>> said = torch.tensor([[0.9], [0.5]]).log()
        >>> round(reference_log_probability(said, inside).exp().item(), 4)
        0.7
        >>> round(reference_log_probability(said, inside, offline=0.6).exp().item(), 4)  # 0.8 * 0.5 + 0.2
        0.6
    """
    out = _log_mean(log_probability.double(), ~inside)
    if offline is None:
        return torch.logaddexp(_log_mean(log_probability.double(), inside), out) - math.log(2)
    rest = torch.tensor((1 - offline) / 2, dtype=torch.float64).log()
    return torch.logaddexp(out + math.log((1 + offline) / 2), rest)


def _log_mean(values: Tensor, chosen: Tensor) -> Tensor:
    count = chosen.sum(0)
    if not bool((count > 0).all()):
        raise ValueError(f"{int((count == 0).sum())} of {len(count)} examples have no shadow model on one side")
    return values.masked_fill(~chosen, -math.inf).logsumexp(0) - count.log()


def relative_score(
    ratio: Float[Tensor, " n"],
    population: Float[Tensor, " z"],
    *,
    gamma: float = 1.0,
    own: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, " n"]:
    """RMIA: share of population examples whose log ratio an example's own exceeds by more than log gamma.

    A log ratio is the measured model's log probability of the true class minus `reference_log_probability`.

    Args:
        ratio: Log ratio of each judged example.
        population: Log ratios of examples that were not trained on; at least one, or two where `own` marks any.
        gamma: Factor that has to be exceeded, > 0.
        own: 1 for judged examples that are in the population themselves, which are not compared with themselves; else 0.

    Returns:
        0 … 1; higher means member.

    Example:
        >>> relative_score(torch.tensor([0.5, 0.1]), torch.tensor([0.0, 0.2, 0.4, 0.6])).tolist()
        [0.75, 0.25]
        >>> relative_score(torch.tensor([0.2]), torch.tensor([0.0, 0.2, 0.4]), own=torch.ones(1)).tolist()  # of 0.0 and 0.4
        [0.5]
    """
    ordered = population.double().sort().values
    needed = ratio.double() - math.log(gamma)
    beaten = torch.searchsorted(ordered, needed.contiguous(), right=False).double()
    of = torch.full_like(needed, float(len(ordered)))
    if own is not None:
        itself = own.double()
        beaten, of = beaten - itself * float(gamma < 1), of - itself  # below gamma 1 it would exceed itself
    return beaten / of
