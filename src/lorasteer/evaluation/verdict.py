"""Measurements in words: what still gives the forget set away, in both directions, and what was lost beside it.

A difference is reported only when chance (two standard errors) does not explain it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from lorasteer.evaluation.comparison import Spread
from lorasteer.records import Evaluation, Measurement

ACCURACY_BAND = 0.01
AUC_BAND = 0.05


def verdict(
    evaluation: Evaluation,
    *,
    aim: Literal["remove", "match-unseen"],
    retrained: Evaluation | None = None,
    floor: Mapping[str, Spread] | None = None,
) -> tuple[str, ...]:
    """What a reader should not miss in an evaluation, one sentence each.

    Args:
        evaluation: Measurements of the model after unlearning.
        aim: `remove`: the target shall be recognised no better than by the retrained model. `match-unseen`: it shall look like
            examples that were never trained on.
        retrained: Measurements of a model trained without the forget set.
        floor: Spread between retrained models, from `noise_floor`.

    Returns:
        Sentences, leaks first; empty where nothing stands out.
    """
    recognised = _like_unseen(evaluation) if aim == "match-unseen" else _like_retrained(evaluation, retrained)
    return (*recognised, *_membership(evaluation), *_lost(evaluation, retrained), *_reference(evaluation, retrained, floor))


def _like_unseen(evaluation: Evaluation) -> tuple[str, ...]:
    seen = _known(evaluation, "forget_accuracy")
    unseen = _known(evaluation, "forget_test_accuracy") or _known(evaluation, "test_accuracy")
    if seen is None or unseen is None or abs(_difference(seen, unseen)) <= tolerance(seen, unseen):
        return ()
    words = f"accuracy on the forget set is {_percent(seen)}, on unseen examples {_percent(unseen)}"
    if _difference(seen, unseen) < 0:
        return (f"over-forgotten: {words}; being conspicuously wrong gives the forget set away.",)
    return (f"still remembered: {words}.",)


def _like_retrained(evaluation: Evaluation, retrained: Evaluation | None) -> tuple[str, ...]:
    found = []
    for name, where in (("forget_accuracy", "the forget set"), ("forget_test_accuracy", "unseen examples of the target")):
        mine, theirs = _known(evaluation, name), _known(retrained, name)
        if mine is None or theirs is None or abs(_difference(mine, theirs)) <= tolerance(mine, theirs):
            continue
        words = f"accuracy on {where} is {_percent(mine)}, the retrained model's {_percent(theirs)}"
        if _difference(mine, theirs) > 0:
            found.append(f"still recognised: {words}.")
        else:
            found.append(f"over-forgotten: {words}; this suppresses more than never having seen it would.")
    return tuple(found)


def _membership(evaluation: Evaluation) -> tuple[str, ...]:
    auc = _known(evaluation, "mia_auc")
    if auc is None:
        return ()
    # With n examples on the smaller side, chance moves the area by a standard error of at most about 1 / sqrt(6 n).
    band = max(AUC_BAND, 2 / math.sqrt(6 * auc.n))
    if _value(auc) > 0.5 + band:
        return (f"still recognisable as members: membership AUC {_value(auc):.3f}, where 0.5 gives nothing away.",)
    if _value(auc) < 0.5 - band:
        return (
            f"over-forgotten: membership AUC {_value(auc):.3f}; below 0.5 the forget set stands out by its low confidence, "
            "a leak as well.",
        )
    return ()


def _lost(evaluation: Evaluation, retrained: Evaluation | None) -> tuple[str, ...]:
    mine, theirs = _known(evaluation, "retain_test_accuracy"), _known(retrained, "retain_test_accuracy")
    if mine is None or theirs is None or _difference(theirs, mine) <= tolerance(mine, theirs):
        return ()
    return (f"damaged: accuracy on retained test examples is {_percent(mine)}, the retrained model's {_percent(theirs)}.",)


def _reference(evaluation: Evaluation, retrained: Evaluation | None, floor: Mapping[str, Spread] | None) -> tuple[str, ...]:
    if retrained is None:
        return ("no retrained model to compare with: these numbers alone do not show that anything was removed.",)
    name = "kl_to_retrained_forget"
    kl, spread = _known(evaluation, name), (floor or {}).get(name)
    if kl is None or spread is None:
        return ()
    place = "inside" if _value(kl) <= spread.most else "outside"
    return (
        f"{place} the noise floor: KL to the retrained model on the forget set is {_value(kl):.3g} nats, "
        f"up to {spread.most:.3g} between retrained models.",
    )


def _known(evaluation: Evaluation | None, name: str) -> Measurement | None:
    """The measurement if it was taken and has a value."""
    found = (m for m in (evaluation.measurements if evaluation else ()) if m.name == name and m.value is not None)
    return next(found, None)


def _value(measurement: Measurement) -> float:
    assert measurement.value is not None
    return measurement.value


def _percent(measurement: Measurement) -> str:
    return f"{100 * _value(measurement):.1f} %"


def _difference(one: Measurement, other: Measurement) -> float:
    return _value(one) - _value(other)


def tolerance(one: Measurement, other: Measurement) -> float:
    """Largest difference of two accuracies that is not worth a word: one point, or two standard errors."""
    variance = sum(_variance(m) / m.n for m in (one, other))
    return max(ACCURACY_BAND, 2 * math.sqrt(variance))


def _variance(measurement: Measurement) -> float:
    """Variance of one example's part in a share; of a difference of two shares, which may be negative, the most it can be."""
    value = _value(measurement)
    return value * (1 - value) if 0 <= value <= 1 and not (measurement.low or 0) < 0 else 0.5
