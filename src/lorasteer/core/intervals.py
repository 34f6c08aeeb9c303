"""How sure a rate is: exact intervals, points of the ROC curve, and which false-positive rates a sample can support."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lorasteer.core.statistics import rank_auc


class Rate(NamedTuple):
    """A share with its exact interval: `hits` of `n`, and the confidence limits."""

    value: float
    low: float
    high: float
    hits: int
    n: int


def clopper_pearson(hits: int, n: int, *, level: float = 0.95) -> Rate:
    """Exact interval of a share (Clopper and Pearson 1934): the shares under which the count is not too unlikely on either side.

    Args:
        hits: How many, 0 … n.
        n: Of how many, > 0.
        level: Confidence, 0 < level < 1.

    Raises:
        ValueError: The count does not lie between 0 and n, or n is 0.

    Example:
        >>> rate = clopper_pearson(0, 10)  # upper limit 1 - 0.025 ** (1 / 10)
        >>> rate.low, round(rate.high, 4)
        (0.0, 0.3085)
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"a share needs 0 <= hits <= n and n > 0, got {hits} of {n}")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else _share_at(hits, n, tail)
    high = 1.0 if hits == n else 1 - _share_at(n - hits, n, tail)
    return Rate(hits / n, low, high, hits, n)


@functools.lru_cache(maxsize=4096)
def _share_at(hits: int, n: int, chance: float) -> float:
    """The share at which at least `hits` of `n` have this chance; it rises with the share, so halving finds it."""
    counts = torch.arange(hits, n + 1, dtype=torch.float64)
    ways = math.lgamma(n + 1) - torch.lgamma(counts + 1) - torch.lgamma(n - counts + 1)
    low, high = 0.0, 1.0
    for _ in range(45):  # to 3e-14
        share = (low + high) / 2
        reached = (ways + counts * math.log(share) + (n - counts) * math.log1p(-share)).logsumexp(0).exp()
        low, high = (share, high) if reached < chance else (low, share)
    return (low + high) / 2


def negatives_needed(rate: float) -> int:
    """How many non-members a false-positive rate takes to be seen at all: below 1 / rate, one false alarm exceeds it.

    Example:
        >>> negatives_needed(0.01), negatives_needed(0.001)
        (100, 1000)
    """
    return math.ceil(1 / rate - 1e-9)


def true_positive_rate(members: Float[Tensor, " p"], others: Float[Tensor, " q"], at: float, *, level: float = 0.95) -> Rate:
    """Share of members found by the lowest threshold that calls no more than a share `at` of the others members.

    A member that ties with the first refused non-member is not found. The interval is of the members alone; the threshold counts
    as known.

    Args:
        members: Scores, higher means member; at least one.
        others: Scores of non-members.
        at: False-positive rate, 0 < at < 1.
        level: Confidence of the interval.

    Raises:
        ValueError: There are fewer non-members than the rate takes.

    Example:
        >>> members, others = torch.tensor([5.0, 4.0, 2.5, 0.5]), torch.tensor([4.5, 3.0, 2.0, 1.0])
        >>> rate = true_positive_rate(members, others, 0.25)  # one false alarm allowed: above 3.0
        >>> rate.value, rate.hits, rate.n
        (0.5, 2, 4)
    """
    if len(others) < negatives_needed(at):
        raise ValueError(f"a false-positive rate of {at:g} needs {negatives_needed(at)} non-members, got {len(others)}")
    allowed = math.floor(at * len(others) + 1e-9)
    threshold = others.sort(descending=True).values[allowed]
    return clopper_pearson(int((members > threshold).sum()), len(members), level=level)


def roc_points(members: Float[Tensor, " p"], others: Float[Tensor, " q"]) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """The ROC curve: false- and true-positive rates at every threshold that changes them, from (0, 0) to (1, 1).

    Tied scores are one step, so that the area under straight lines between the points is `rank_auc`.

    Args:
        members: Scores, higher means member; at least one.
        others: Scores of non-members; at least one.

    Example:
        >>> false, true = roc_points(torch.tensor([3.0, 2.0]), torch.tensor([2.0, 1.0]))
        >>> false.tolist(), true.tolist()
        ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    thresholds = torch.tensor(sorted({*members.tolist(), *others.tolist()}, reverse=True), dtype=torch.float64)
    rates = [_share_from(side, thresholds) for side in (others, members)]
    return rates[0], rates[1]


def _share_from(scores: Tensor, thresholds: Tensor) -> Tensor:
    """Share of scores at or above each threshold, behind a 0."""
    below = torch.searchsorted(scores.double().sort().values, thresholds, right=False)
    return torch.cat([torch.zeros(1, dtype=torch.float64), 1 - below.double() / len(scores)])


def auc_interval(members: Float[Tensor, " p"], others: Float[Tensor, " q"], *, level: float = 0.95) -> tuple[float, float, float]:
    """Area under the ROC curve and its confidence limits, by DeLong's variance (1988).

    Where the sides are separated and the variance is 0, the open limit is that of as many successes in a row as the smaller side
    has examples.

    Args:
        members: Scores of at least two members.
        others: Scores of at least two non-members.
        level: Confidence.

    Returns:
        Area, lower and upper limit, each 0 … 1.

    Raises:
        ValueError: A side has fewer than two examples.

    Example:
        >>> members, others = torch.tensor([3.0, 2.0]), torch.tensor([2.0, 1.0])
        >>> [round(x, 2) for x in auc_interval(members, others, level=0.6827)]  # variance 1/32: placements 1, 3/4 and 1/4, 0
        [0.88, 0.7, 1.0]
    """
    if len(members) < 2 or len(others) < 2:
        raise ValueError(f"an interval needs two examples on each side, got {len(members)} and {len(others)}")
    area = rank_auc(members, others)
    won, lost = _placement(members, others), _placement(others, members)
    variance = float(won.var() / len(members) + lost.var() / len(others))
    if variance == 0 and area in (0.0, 1.0):
        run = clopper_pearson(int(area) * min(len(members), len(others)), min(len(members), len(others)), level=level)
        return area, run.low, run.high
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
    return area, max(0.0, area - reach), min(1.0, area + reach)


def _placement(scores: Tensor, against: Tensor) -> Tensor:
    """Share of the other side that each score exceeds, a tie counting one half."""
    ordered = against.sort().values
    below = torch.searchsorted(ordered, scores.contiguous(), right=False)
    return (below + torch.searchsorted(ordered, scores.contiguous(), right=True)).double() / (2 * len(against))
