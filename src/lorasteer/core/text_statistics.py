"""What evaluation computes from the log-probabilities of answer tokens. Pure functions of tensors, in double precision.

Numbers per token come flat, example after example, with the `lengths` of the examples; candidates of a question likewise, with
their `counts`. Log-probabilities are natural. A score of an attack is higher for an example that looks more like a member.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import ks_2samp
from torch import Tensor

from lorasteer.core.tokens import per_example

PerToken = Float[Tensor, " n"]
PerExample = Float[Tensor, " rows"]
Lengths = Int[Tensor, " rows"]
TruthRatio = Callable[[PerExample, Float[Tensor, " m"], Lengths], PerExample]


def mean_per_example(values: PerToken, lengths: Lengths) -> PerExample:
    """Mean of each example's tokens; NaN where it has none.

    Example:
        >>> mean_per_example(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([2, 1])).tolist()
        [2.0, 5.0]
    """
    total, count = per_example(values.double(), _rows(lengths), len(lengths))
    return total / count


def lowest_mean(values: PerToken, lengths: Lengths, *, share: float) -> PerExample:
    """Mean of the lowest values of each example: its floor(share * length) lowest, at least one.

    Of log-probabilities it is the Min-K% score (Shi et al., ICLR 2024, arXiv:2310.16789).

    Args:
        values: One number per token.
        lengths: Tokens of each example, at least one.
        share: Share of the tokens, 0 < share <= 1.

    Example:
        >>> lowest_mean(torch.tensor([-1.0, -9.0, -3.0, -2.0]), torch.tensor([4]), share=0.5).tolist()
        [-6.0]
    """
    padded = _padded(values.double(), lengths, math.inf).sort(1).values
    kept = (lengths.double() * share).floor().long().clamp(min=1)
    chosen = torch.arange(padded.shape[1], device=padded.device) < kept[:, None]
    return torch.where(chosen, padded, 0.0).sum(1) / kept


def standardised(log_prob: PerToken, mean: PerToken, std: PerToken) -> PerToken:
    """How many standard deviations each token's log-probability lies from what the model expects of its own words.

    (log p - mu) / sigma, where mu and sigma are over the vocabulary; the variance is at least 1e-6. Its `lowest_mean` is the
    Min-K%++ score (Zhang et al., ICLR 2025, arXiv:2404.02936).

    Example:
        >>> standardised(*(torch.tensor([x]) for x in (-2.0, -1.0, 0.5))).tolist()
        [-2.0]
    """
    return (log_prob.double() - mean.double()) / std.double().clamp(min=1e-3)


def exact_memorisation(right: Bool[Tensor, " n"], lengths: Lengths) -> PerExample:
    """Share of each answer's tokens that are the most probable word there.

    Example:
        >>> exact_memorisation(torch.tensor([True, False, True, True]), torch.tensor([4])).tolist()
        [0.75]
    """
    return mean_per_example(right.double(), lengths)


def extraction_strength(right: Bool[Tensor, " n"], lengths: Lengths) -> PerExample:
    """Share of each answer that follows, word for word, once the rest of it is given (Carlini et al., arXiv:2012.07805).

    With T tokens of which the last k are all the most probable word: k / T. It is 0 where the last one is not, and has no floor.

    Example:
        >>> extraction_strength(torch.tensor([True, False, True, True, False]), torch.tensor([4, 1])).tolist()
        [0.5, 0.0]
    """
    wrong = _padded((~right).double(), lengths, 0.0)
    column = torch.arange(wrong.shape[1], device=wrong.device)
    last_wrong = torch.where(wrong > 0, column, -1).amax(1) if wrong.shape[1] else torch.full_like(lengths, -1)
    return (lengths - 1 - last_wrong).double() / lengths


def truth_ratio_loss(right: PerExample, wrong: Float[Tensor, " m"], counts: Lengths) -> PerExample:
    """P(wrong) / P(right), the wrong answers averaged in loss space: their geometric mean (open-unlearning, TOFU's aggregation).

    Args:
        right: Mean log-probability per token of the right answer in other words.
        wrong: The same of every wrong answer.
        counts: Wrong answers of each example; NaN where there are none.

    Example:
        >>> p = torch.tensor
        >>> round(truth_ratio_loss(p([0.5]).log(), p([0.1, 0.4]).log(), p([2])).item(), 4)  # sqrt(0.04) / 0.5
        0.4
    """
    return (mean_per_example(wrong, counts) - right.double()).exp()


def truth_ratio_probability(right: PerExample, wrong: Float[Tensor, " m"], counts: Lengths) -> PerExample:
    """P(wrong) / P(right), the wrong answers averaged in probability space (TOFU's evaluation code, arXiv:2401.06121).

    Never below `truth_ratio_loss`, whose arguments it takes.

    Example:
        >>> p = torch.tensor
        >>> round(truth_ratio_probability(p([0.5]).log(), p([0.1, 0.4]).log(), p([2])).item(), 4)  # 0.25 / 0.5
        0.5
    """
    return mean_per_example(wrong.double().exp(), counts) / right.double().exp()


def truth_ratio_forgotten(ratio: PerExample) -> PerExample:
    """min(R, 1 / R) of each truth ratio: 1 where right and wrong answers are equally likely.

    Example:
        >>> truth_ratio_forgotten(torch.tensor([0.5, 4.0])).tolist()
        [0.5, 0.25]
    """
    return torch.minimum(ratio.double(), 1 / ratio.double())


def truth_ratio_kept(ratio: PerExample) -> PerExample:
    """max(0, 1 - R) of each truth ratio: near 1 where the right answer is far more likely than the wrong ones.

    Example:
        >>> truth_ratio_kept(torch.tensor([0.25, 4.0])).tolist()
        [0.75, 0.0]
    """
    return (1 - ratio.double()).clamp(min=0)


def probability_among(right: PerExample, wrong: Float[Tensor, " m"], counts: Lengths) -> PerExample:
    """Probability of the right answer among all candidates, each length-normalised: p / (p + sum of the wrong ones).

    Args:
        right: Mean log-probability per token of the right answer.
        wrong: The same of every wrong answer.
        counts: Wrong answers of each example.

    Example:
        >>> p = torch.tensor
        >>> round(probability_among(p([0.5]).log(), p([0.1, 0.4]).log(), p([2])).item(), 4)
        0.5
    """
    total, _ = per_example(wrong.double().exp(), _rows(counts), len(counts))
    own = right.double().exp()
    return own / (own + total).clamp(min=1e-10)


def forget_quality(ratio: PerExample, retrained: Float[Tensor, " others"]) -> float:
    """P-value of a two-sample Kolmogorov-Smirnov test between truth ratios of a model and of the retrained one.

    Near 1 the two cannot be told apart. The p-value falls with the number of examples, and over-forgetting lowers it as memory
    does, so it compares only models measured on the same examples (TOFU, arXiv:2401.06121).

    Args:
        ratio: Truth ratios of the model, at least one, finite or infinite.
        retrained: Those of the retrained model.

    Example:
        >>> forget_quality(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))  # 2 of 6 orders are as far apart
        0.333...
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the exact p-value may underflow; scipy then takes the limit law
        return float(ks_2samp(ratio.double().cpu().numpy(), retrained.double().cpu().numpy()).pvalue)


def harmonic_mean(values: Sequence[float]) -> float:
    """Harmonic mean of numbers >= 0: one zero makes it zero.

    Raises:
        ValueError: There is no number.

    Example:
        >>> harmonic_mean([1.0, 0.5]), harmonic_mean([1.0, 0.0])
        (0.666..., 0.0)
    """
    if not values:
        raise ValueError("the harmonic mean of no numbers is not defined")
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def privacy_leak(auc: float, retrained: float) -> float:
    """PrivLeak (MUSE, arXiv:2407.06460) from areas that are 1 where the forget set is still remembered, in per cent.

    (A - A_r) / A_r * 100 with A = 1 - auc: 0 as private as the retrained model, towards -100 still remembered, above 0
    over-forgotten.

    Args:
        auc: Probability that a forget example looks more like a member than an unseen one.
        retrained: The same of the retrained model, below 1.

    Raises:
        ValueError: The retrained model's area is 1, so that nothing can be measured against it.

    Example:
        >>> privacy_leak(1.0, 0.5), privacy_leak(0.0, 0.5)
        (-100.0, 100.0)
    """
    if retrained >= 1:
        raise ValueError("the retrained model's area is 1: forget and unseen examples differ before any unlearning")
    return 100 * (retrained - auc) / (1 - retrained)


def bootstrap_interval(values: PerToken, *, level: float = 0.95, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Interval of the mean by drawing examples again, with replacement (percentile bootstrap).

    Args:
        values: One number per example, at least one.
        level: Share of the draws inside.
        draws: How many means are drawn.
        seed: Same seed, same interval.

    Example:
        >>> bootstrap_interval(torch.tensor([0.5, 0.5, 0.5]))
        (0.5, 0.5)
    """
    values = values.double().cpu()
    generator = torch.Generator().manual_seed(seed)
    drawn = values[torch.randint(len(values), (draws, len(values)), generator=generator)].mean(1)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = drawn.quantile(ends).tolist()
    return low, high


def _rows(lengths: Lengths) -> Int[Tensor, " n"]:
    return torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)


def _padded(values: PerToken, lengths: Lengths, fill: float) -> Float[Tensor, "rows longest"]:
    """One row per example, filled up on the right."""
    longest = int(lengths.max()) if len(lengths) else 0
    inside = torch.arange(longest, device=lengths.device) < lengths[:, None]
    return torch.full((len(lengths), longest), fill, dtype=values.dtype, device=values.device).masked_scatter(inside, values)
