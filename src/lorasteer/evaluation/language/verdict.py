"""Measurements of text in words: what still gives the forget set away, in both directions, and what was lost beside it.

A difference is reported only when the bootstrap intervals of the two numbers do not overlap, or where chance (two standard
errors) does not explain it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from lorasteer.evaluation.comparison import Spread
from lorasteer.evaluation.verdict import AUC_BAND
from lorasteer.records import Evaluation, Measurement

SHARE_BAND = 0.02  # of a probability, below which a difference is not worth a word
KEPT = 0.95  # share of the retrained model's utility that is to stay
UNLIKELY = 0.05  # p-value below which two sets of truth ratios differ
WORDS = {
    "forget_probability": "probability of the answers to forget",
    "forget_test_probability": "probability of the target's test answers",
    "forget_paraphrase_probability": "probability of the answers to forget in other words",
    "extraction_strength": "share of the answers to forget that can be extracted",
}


def text_verdict(
    evaluation: Evaluation,
    *,
    aim: Literal["remove", "match-unseen"],
    retrained: Evaluation | None = None,
    floor: Mapping[str, Spread] | None = None,
) -> tuple[str, ...]:
    """What a reader should not miss in an evaluation of text, one sentence each.

    Args:
        evaluation: Measurements of the model after unlearning.
        aim: `remove`: the target shall be known no better than by the retrained model. `match-unseen`: its answers shall look
            like answers that were never trained on. Membership is judged for both.
        retrained: Measurements of a model trained without the forget set.
        floor: Spread between retrained models, from `noise_floor`.

    Returns:
        Sentences, leaks first; empty where nothing stands out.
    """
    names = tuple(WORDS)[:1] if aim == "match-unseen" else tuple(WORDS)
    found = [sentence for name in names for sentence in _beside(name, evaluation, retrained, floor or {})]
    found += [*_membership(evaluation), *_told_apart(evaluation), *_lost(evaluation, retrained)]
    if retrained is None:
        found.append("no retrained model to compare with: these numbers alone do not show that anything was removed.")
    return tuple(found)


def _beside(name: str, evaluation: Evaluation, retrained: Evaluation | None, floor: Mapping[str, Spread]) -> tuple[str, ...]:
    """One number beside the retrained model's."""
    mine, theirs = _known(evaluation, name), _known(retrained, name)
    if mine is None or theirs is None:
        return ()
    gap, band = _value(mine) - _value(theirs), max(SHARE_BAND, floor[name].most if name in floor else 0.0)
    if abs(gap) <= band or _overlap(mine, theirs):
        return ()
    words = f"{WORDS[name]} is {_value(mine):.3g}, the retrained model's {_value(theirs):.3g}"
    if gap > 0:
        return (f"still remembered: {words}.",)
    return (f"over-forgotten: {words}; this suppresses more than never having read it would.",)


def _membership(evaluation: Evaluation) -> tuple[str, ...]:
    """The attack that tells most, in either direction."""
    areas = [m for m in evaluation.measurements if m.unit == "auc" and m.value is not None and m.name.startswith("mia_auc")]
    if not areas:
        return ()
    worst = max(areas, key=lambda m: abs(_value(m) - 0.5))
    # With n examples on the smaller side, chance moves the area by a standard error of at most about 1 / sqrt(6 n).
    if abs(_value(worst) - 0.5) <= max(AUC_BAND, 2 / math.sqrt(6 * max(1, worst.n))):
        return ()
    words = f"{worst.name.replace('_', ' ')} {_value(worst):.3f}, where 0.5 gives nothing away"
    if _value(worst) > 0.5:
        return (f"still recognisable as members: {words}.",)
    return (f"over-forgotten: {words}; the answers to forget stand out by being less likely than unseen ones, a leak as well.",)


def _told_apart(evaluation: Evaluation) -> tuple[str, ...]:
    quality = _known(evaluation, "forget_quality")
    if quality is None or _value(quality) >= UNLIKELY:
        return ()
    return (
        f"told apart from the retrained model: their truth ratios differ (forget quality {_value(quality):.2g} on {quality.n} "
        "examples); too much forgotten shows as well as too little.",
    )


def _lost(evaluation: Evaluation, retrained: Evaluation | None) -> tuple[str, ...]:
    found = []
    for name, words in (("retain_probability", "probability of retained answers"), ("model_utility", "model utility")):
        mine, theirs = _known(evaluation, name), _known(retrained, name)
        if mine is None or theirs is None or _value(mine) >= KEPT * _value(theirs) or _overlap(mine, theirs):
            continue
        found.append(f"damaged: {words} is {_value(mine):.3g}, the retrained model's {_value(theirs):.3g}.")
    return tuple(found)


def _overlap(one: Measurement, other: Measurement) -> bool:
    """Whether chance may explain the difference; numbers without an interval are taken as they are."""
    if one.interval is None or other.interval is None:
        return False
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def _known(evaluation: Evaluation | None, name: str) -> Measurement | None:
    """The measurement if it was taken and has a value."""
    found = (m for m in (evaluation.measurements if evaluation else ()) if m.name == name and m.value is not None)
    return next(found, None)


def _value(measurement: Measurement) -> float:
    assert measurement.value is not None
    return measurement.value
