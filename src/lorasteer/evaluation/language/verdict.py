"""Measurements of text in words: what every verdict says, then what only text can be asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from lorasteer.evaluation.comparison import Spread
from lorasteer.evaluation.verdict import AUC_BAND, TEXT, verdict
from lorasteer.records import Evaluation, Measurement

KEPT = 0.95  # share of the retrained model's utility that is to stay
UNLIKELY = 0.05  # p-value below which two sets of truth ratios differ


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
        aim: What the plan aimed at.
        retrained: Measurements of a model trained without the forget set.
        floor: Spread between retrained models, from `noise_floor`.

    Returns:
        Sentences; empty where nothing stands out.
    """
    common = verdict(evaluation, aim=aim, retrained=retrained, floor=floor, watched=TEXT)
    more = (*_other_attacks(evaluation), *_told_apart(evaluation), *_less_useful(evaluation, retrained))
    return (*common, *more, *_no_better_than_chance(evaluation))


def _other_attacks(evaluation: Evaluation) -> tuple[str, ...]:
    """The attack that tells most, where that of the loss alone finds nothing."""
    areas = [m for m in evaluation.measurements if m.name.startswith("mia_auc") and m.value is not None]
    if not areas or any(m.name == "mia_auc" and _stands_out(m) for m in areas):
        return ()
    worst = max(areas, key=lambda m: abs(_value(m) - 0.5))
    if not _stands_out(worst):
        return ()
    attack = worst.name.removeprefix("mia_auc_").replace("_", "-")
    if _value(worst) > 0.5:
        return (f"still recognisable as members by the {attack} attack: area {_value(worst):.3f}, where 0.5 gives nothing away.",)
    return (f"over-forgotten: area {_value(worst):.3f} of the {attack} attack; below 0.5 the forget set stands out as well.",)


def _stands_out(area: Measurement) -> bool:
    """Whether chance does not explain it: with n examples a standard error is at most about 1 / sqrt(6 n)."""
    return abs(_value(area) - 0.5) > max(AUC_BAND, 2 / math.sqrt(6 * max(1, area.n)))


def _told_apart(evaluation: Evaluation) -> tuple[str, ...]:
    quality = _known(evaluation, "forget_quality")
    if quality is None or _value(quality) >= UNLIKELY:
        return ()
    return (
        f"told apart from the retrained model: their truth ratios differ (forget quality {_value(quality):.2g} on {quality.n} "
        "examples); too much forgotten shows as well as too little.",
    )


def _no_better_than_chance(evaluation: Evaluation) -> tuple[str, ...]:
    """A direction whose examples lost no more than those of random directions would have."""
    mine, random = _known(evaluation, "selectivity"), _known(evaluation, "random_selectivity")
    if mine is None or random is None or _value(mine) > _value(random):
        return ()
    return (
        f"no better than a random direction: selectivity {_value(mine):.3f}, which random directions of the same size reach too "
        f"(97.5 % of them lie below {_value(random):.3f}).",
    )


def _less_useful(evaluation: Evaluation, retrained: Evaluation | None) -> tuple[str, ...]:
    mine, theirs = _known(evaluation, "model_utility"), _known(retrained, "model_utility")
    if mine is None or theirs is None or _value(mine) >= KEPT * _value(theirs):
        return ()
    return (f"damaged: model utility is {_value(mine):.3f}, the retrained model's {_value(theirs):.3f}.",)


def _known(evaluation: Evaluation | None, name: str) -> Measurement | None:
    """The measurement if it was taken and has a value."""
    found = (m for m in (evaluation.measurements if evaluation else ()) if m.name == name and m.value is not None)
    return next(found, None)


def _value(measurement: Measurement) -> float:
    assert measurement.value is not None
    return measurement.value
