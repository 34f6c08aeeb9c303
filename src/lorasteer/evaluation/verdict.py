"""Measurements in words: what still gives the forget set away, in both directions, and what was lost beside it.

A difference is reported only when chance (two standard errors) does not explain it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lorasteer.evaluation.comparison import Spread
from lorasteer.records import Evaluation, Measurement

ACCURACY_BAND = 0.01
AUC_BAND = 0.05


@dataclass(frozen=True)
class Watched:
    """The measurements that are put into words, of one kind of material.

    Args:
        what: What is measured on the target and on what shall stay.
        target: Measurements of the target, each with its place in words; the first is that of the forget set.
        unseen: Measurements of examples never trained on, the first one that was taken counts; none where the aim match-unseen
            is judged by the retrained model as well.
        kept: Measurement of what shall stay, with its place in words.
    """

    what: str
    target: tuple[tuple[str, str], ...]
    unseen: tuple[str, ...]
    kept: tuple[str, str]


IMAGES = Watched(
    "accuracy",
    (("forget_accuracy", "the forget set"), ("forget_test_accuracy", "unseen examples of the target")),
    ("forget_test_accuracy", "test_accuracy"),
    ("retain_test_accuracy", "retained test examples"),
)
TEXT = Watched(
    "answer probability",
    (("forget_probability", "the forget set"), ("forget_test_probability", "test questions about the target")),
    (),
    ("retain_probability", "retained examples"),
)


def verdict(
    evaluation: Evaluation,
    *,
    aim: Literal["remove", "match-unseen"],
    retrained: Evaluation | None = None,
    floor: Mapping[str, Spread] | None = None,
    watched: Watched = IMAGES,
) -> tuple[str, ...]:
    """What a reader should not miss in an evaluation, one sentence each.

    Args:
        evaluation: Measurements of the model after unlearning.
        aim: `remove`: the target shall be recognised no better than by the retrained model. `match-unseen`: it shall look like
            examples that were never trained on.
        retrained: Measurements of a model trained without the forget set.
        floor: Spread between retrained models, from `noise_floor`.
        watched: Which measurements count.

    Returns:
        Sentences, leaks first; empty where nothing stands out.
    """
    by_unseen = aim == "match-unseen" and watched.unseen
    recognised = _like_unseen(evaluation, watched) if by_unseen else _like_retrained(evaluation, retrained, watched)
    lost = _lost(evaluation, retrained, watched)
    return (*recognised, *_membership(evaluation), *lost, *_reference(evaluation, retrained, floor))


def _like_unseen(evaluation: Evaluation, watched: Watched) -> tuple[str, ...]:
    seen = _known(evaluation, watched.target[0][0])
    unseen = next((found for name in watched.unseen if (found := _known(evaluation, name))), None)
    if seen is None or unseen is None or abs(_difference(seen, unseen)) <= tolerance(seen, unseen):
        return ()
    words = f"{watched.what} on the forget set is {_percent(seen)}, on unseen examples {_percent(unseen)}"
    if _difference(seen, unseen) < 0:
        return (f"over-forgotten: {words}; being conspicuously wrong gives the forget set away.",)
    return (f"still remembered: {words}.",)


def _like_retrained(evaluation: Evaluation, retrained: Evaluation | None, watched: Watched) -> tuple[str, ...]:
    found = []
    for name, where in watched.target:
        mine, theirs = _known(evaluation, name), _known(retrained, name)
        if mine is None or theirs is None or abs(_difference(mine, theirs)) <= tolerance(mine, theirs):
            continue
        words = f"{watched.what} on {where} is {_percent(mine)}, the retrained model's {_percent(theirs)}"
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


def _lost(evaluation: Evaluation, retrained: Evaluation | None, watched: Watched) -> tuple[str, ...]:
    name, where = watched.kept
    mine, theirs = _known(evaluation, name), _known(retrained, name)
    if mine is None or theirs is None or _difference(theirs, mine) <= tolerance(mine, theirs):
        return ()
    return (f"damaged: {watched.what} on {where} is {_percent(mine)}, the retrained model's {_percent(theirs)}.",)


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
    """Largest difference of two shares that is not worth a word: one point, or two standard errors."""
    return max(ACCURACY_BAND, 2 * math.sqrt(sum(_squared_error(m) for m in (one, other))))


def _squared_error(measurement: Measurement) -> float:
    """Square of the standard error: of its 95 % interval where one was computed, else of a share of right examples."""
    if measurement.interval is None:
        return _variance(measurement) / measurement.n
    low, high = measurement.interval
    return ((high - low) / (2 * 1.96)) ** 2


def _variance(measurement: Measurement) -> float:
    """Variance of one example's part in a share; of a difference of two shares, which may be negative, the most it can be."""
    value = _value(measurement)
    return value * (1 - value) if 0 <= value <= 1 and not (measurement.low or 0) < 0 else 0.5
