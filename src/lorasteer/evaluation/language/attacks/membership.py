"""Membership inference: do the answers to forget look more like trained ones than answers that were never trained on?

Each attack scores every answer, higher for a likelier member, and ranks the forget set against the held-out examples: an area
of 1/2 gives nothing away, 1 means still memorised, 0 over-forgotten, which gives the set away as well. All come from one pass.
"""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from lorasteer.core.statistics import rank_auc
from lorasteer.core.text_statistics import lowest_mean, privacy_leak, standardised
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.evaluation.language.outputs import TextContext, TextOutputs
from lorasteer.evaluation.metric import Reading

Scores = Float[Tensor, " rows"]
Attack = Callable[[Answers], Scores]
NEEDS = frozenset({"retrained"})
LOWEST = 0.4  # share of the tokens that Min-K% reads, as open-unlearning on TOFU
UNSEEN = "no held-out examples, which were never trained on, to compare with"


def loss(answers: Answers) -> Scores:
    """Mean log-probability per token: the negated loss."""
    return answers.mean_log_prob


def zlib(answers: Answers) -> Scores:
    """Mean log-probability per token divided by the bytes of the compressed text."""
    return answers.mean_log_prob / answers.compressed


def min_k(answers: Answers) -> Scores:
    """Mean of the lowest log-probabilities (Min-K%)."""
    return lowest_mean(answers.log_prob, answers.lengths, share=LOWEST)


def min_k_plus(answers: Answers) -> Scores:
    """Mean of the lowest log-probabilities, each measured against its whole vocabulary (Min-K%++)."""
    return lowest_mean(standardised(answers.log_prob, answers.mean, answers.std), answers.lengths, share=LOWEST)


def area(outputs: TextOutputs, attack: Attack) -> Reading:
    """Probability that a forget example scores above a held-out one, ties counting one half.

    Args:
        outputs: The model's answers.
        attack: What scores them.
    """
    return _ranked(outputs, attack(outputs.forget), attack(outputs.validation))


@TEXT_METRICS.add("mia-auc", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=50)
def mia_auc(context: TextContext) -> Reading:
    """Area of the loss attack: probability that an answer to forget has a lower loss than a held-out one."""
    return area(context.outputs, loss)


@TEXT_METRICS.add("mia-auc-zlib", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=51)
def mia_auc_zlib(context: TextContext) -> Reading:
    """Area of the zlib attack: loss divided by the bytes of the compressed answer."""
    return area(context.outputs, zlib)


@TEXT_METRICS.add("mia-auc-min-k", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=52)
def mia_auc_min_k(context: TextContext) -> Reading:
    """Area of Min-K% with the 40 % least probable tokens."""
    return area(context.outputs, min_k)


@TEXT_METRICS.add("mia-auc-min-k-plus", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=53)
def mia_auc_min_k_plus(context: TextContext) -> Reading:
    """Area of Min-K%++ with the 40 % tokens that are least probable for their place."""
    return area(context.outputs, min_k_plus)


@TEXT_METRICS.add(
    "mia-auc-reference", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, needs=NEEDS, order=54
)
def mia_auc_reference(context: TextContext) -> Reading:
    """Area of the reference attack: how much lower the loss is than the retrained model's."""
    mine, theirs = context.outputs, context.reference
    if not theirs.finite:
        return Reading(None, 0, "the retrained model's answers are not finite")
    scores = [loss(getattr(mine, part)) - loss(getattr(theirs, part)) for part in ("forget", "validation")]
    return _ranked(mine, *scores)


@TEXT_METRICS.add(
    "privacy-leak", unit="per cent", better="near-ideal", ideal=0.0, group="privacy", low=-100.0, needs=NEEDS, order=55
)
def privacy_leak_min_k(context: TextContext) -> Reading:
    """PrivLeak: area of Min-K% beside the retrained model's; 0 as private, below 0 still memorised, above 0 over-forgotten."""
    mine, theirs = area(context.outputs, min_k), area(context.reference, min_k)
    if mine.value is None or theirs.value is None or not context.reference.finite:
        return Reading(None, mine.n, mine.note or theirs.note or "the retrained model's answers are not finite")
    if theirs.value >= 1:
        return Reading(None, mine.n, "the retrained model's own area is 1: the two sets differ before any unlearning")
    return Reading(privacy_leak(mine.value, theirs.value), mine.n, f"the retrained model's area is {theirs.value:.3f}")


def _ranked(outputs: TextOutputs, member: Scores, other: Scores) -> Reading:
    problem = "no examples in forget" if not len(outputs.forget) else UNSEEN if not len(outputs.validation) else ""
    if problem:
        return Reading(None, len(outputs.forget), problem)
    note = f"{len(member)} forget against {len(other)} held-out examples"
    return Reading(rank_auc(member, other), min(len(member), len(other)), note)
