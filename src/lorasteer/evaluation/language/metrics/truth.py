"""Right answers beside wrong ones of the same form: truth ratio and forget quality, in both definitions found in the wild.

R = P(wrong) / P(right), where the right answer is taken in other words if the data hold them. Wrong answers are averaged in
*loss* space (TOFU's aggregation, NPO, open-unlearning), a geometric mean, or in *probability* space (TOFU's evaluation, LoKU).
"""

from __future__ import annotations

from lorasteer.core import text_statistics as text
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.metric import TEXT_METRICS, averaged
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading

NO_WRONG = "the data hold no wrong answers to compare with"
NEEDS = frozenset({"retrained"})


def truth_ratio(answers: Answers, space: str) -> Reading:
    """Mean of min(R, 1 / R).

    Args:
        answers: What the model says.
        space: `loss` or `probability`.
    """
    if not bool(answers.judged.any()):
        return Reading(None, 0, NO_WRONG)
    return averaged(text.truth_ratio_forgotten(answers.truth_ratio(space)), "forget", f"wrong answers averaged in {space} space")


def forget_quality(context: TextContext, space: str) -> Reading:
    """P-value of a Kolmogorov-Smirnov test between truth ratios of the model and of the retrained one.

    Args:
        context: The comparison.
        space: `loss` or `probability`.
    """
    mine, theirs = context.outputs.forget, context.reference.forget
    if not bool(mine.judged.any()):
        return Reading(None, 0, NO_WRONG)
    if not theirs.finite:
        return Reading(None, 0, "the retrained model's answers are not finite")
    count = int(mine.judged.sum())
    note = f"of {count} against {count}, wrong answers averaged in {space} space; falls with their number"
    return Reading(text.forget_quality(mine.truth_ratio(space), theirs.truth_ratio(space)), count, note)


@TEXT_METRICS.add("truth-ratio-loss", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=20)
def truth_ratio_loss(context: TextContext) -> Reading:
    """Mean of min(R, 1 / R) over forget, wrong answers averaged in loss space; 1: right and wrong are equally likely."""
    return truth_ratio(context.outputs.forget, "loss")


@TEXT_METRICS.add("truth-ratio-probability", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=21)
def truth_ratio_probability(context: TextContext) -> Reading:
    """Mean of min(R, 1 / R) over forget, wrong answers averaged in probability space."""
    return truth_ratio(context.outputs.forget, "probability")


@TEXT_METRICS.add("truth-share", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=22)
def truth_share(context: TextContext) -> Reading:
    """Mean of P(right) / (P(right) + P(wrong)) over forget, in probability space; 1/2: the model cannot tell them apart."""
    forget = context.outputs.forget
    if not bool(forget.judged.any()):
        return Reading(None, 0, NO_WRONG)
    return averaged(1 / (1 + forget.truth_ratio("probability")), "forget")


@TEXT_METRICS.add("forget-quality", unit="p-value", better="higher", group="likeness", low=0.0, high=1.0, needs=NEEDS, order=30)
def forget_quality_loss(context: TextContext) -> Reading:
    """P-value of a KS test between truth ratios of the model and of the retrained one, in loss space."""
    return forget_quality(context, "loss")


@TEXT_METRICS.add(
    "forget-quality-probability", unit="p-value", better="higher", group="likeness", low=0.0, high=1.0, needs=NEEDS, order=31
)
def forget_quality_probability(context: TextContext) -> Reading:
    """P-value of a KS test between truth ratios of the model and of the retrained one, in probability space."""
    return forget_quality(context, "probability")
