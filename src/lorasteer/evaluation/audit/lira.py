"""LiRA and U-LiRA: does a model's confidence in a forget example fit "trained on it" better than "never saw it"?

For every example, shadow models say how confident a model is that was trained on it, and one that was not; the likelihood ratio
of two Gaussians is the score (Carlini et al. 2022, arXiv:2112.03570). Forget examples are ranked against never-trained ones of
the same classes. U-LiRA (Hayes et al. 2024, arXiv:2403.01218) asks what unlearning leaves behind: the one side are shadow models
trained with the examples that unlearned them by the very method, the other side are retrained without.

Both directions are bad. A model that forgot a whole class is unsure of all its examples alike, and the area is about one half
however it forgot; there `lira_below` and `ulira_recognised` tell over-forgetting, beside their values for a retrained model.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lorasteer.core.intervals import clopper_pearson
from lorasteer.core.membership import likelihood_ratio, moments, upper_tail
from lorasteer.core.statistics import label_log_odds
from lorasteer.errors import TrainingDiverged, UserError
from lorasteer.evaluation.audit.intervals import Scores, curves, measured, rated, refused
from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.shadows import (
    Shadows,
    ShadowSettings,
    behind,
    forward_cost,
    kind_of,
    pool_of,
    seconds_for,
    shadow_models,
)
from lorasteer.evaluation.audit.subject import Ground, Subject, answers
from lorasteer.records import Measurement
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Holdout, Splits

_RUN = 5  # a run of a method costs about as many forward passes of all examples
_FEWEST, _MOST = 8, 16  # shadow models that unlearn, where their number is left to their cost
_TWO_SIDES = 4  # candidates of a side below which no interval makes sense


class LiraSettings(ShadowSettings):
    """Settings of LiRA."""

    offline: bool = False
    """Whether only shadow models that never saw an example count, as for an attacker who learns of it afterwards."""


class UnlearnedLiraSettings(ShadowSettings):
    """Settings of U-LiRA."""

    unlearned: Annotated[int, Field(ge=4, multiple_of=2)] | None = None
    """How many of the shadow models unlearn, each at the cost of a run of the method, and how many never see a candidate; None
    takes 16, or as many as keep within `patience`, but no fewer than 8."""
    patience: Annotated[float, Field(ge=0)] = 2400.0
    """Longest time that None spends on unlearning, in seconds of an ordinary core."""


def training_cost(ground: Ground) -> float:
    """Estimated seconds of training the shadow models that membership attacks share."""
    settings = ShadowSettings()
    return seconds_for(ground, settings, kind_of(ground, settings))


def _unlearning_cost(ground: Ground) -> float:
    settings = UnlearnedLiraSettings()
    return unlearnings(ground, settings) * len(pool_of(ground, settings)) * ground.forward_seconds * _RUN


def unlearnings(ground: Ground, settings: UnlearnedLiraSettings) -> int:
    """How many shadow models unlearn: an even number, the same on every machine, however busy it is."""
    if settings.unlearned is not None:
        return min(settings.unlearned, settings.shadows)
    each = len(pool_of(ground, settings)) * forward_cost(ground) * _RUN
    affordable = 2 * int(settings.patience / each / 2)
    return min(max(affordable, _FEWEST), _MOST, settings.shadows)


@ATTACKS.add("lira", kind="membership", local=behind, cost=training_cost, shared="shadow models", settings=LiraSettings, order=50)
def lira(ground: Ground, subject: Subject, settings: LiraSettings) -> Finding:
    """Likelihood ratio of a forget example's confidence, from shadow models with and without it."""
    problem = too_few(pool_of(ground, settings))
    if problem:
        return Finding(refused("lira", problem))
    shadows = shadow_models(ground, settings)
    said = confidence_of(ground, subject, shadows)
    if said is None:
        return Finding(refused("lira", "the model's answers are not finite"))
    if settings.offline:
        score = upper_tail(said, shadows.confidence, ~shadows.inside)
    else:
        score = likelihood_ratio(said, shadows.confidence, shadows.inside)
    scores = parted(score, shadows.pool)
    found = (*measured("lira", scores), *_places(said, shadows), memorised(shadows))
    return Finding(found, curves(f"LiRA, {subject.name}", scores), len(scores.members), (shadows.words,))


def _places(said: Tensor, shadows: Shadows) -> tuple[Measurement, Measurement]:
    """Shares of forget examples with less, or more, confidence than any shadow model that never saw them."""
    members, count = len(shadows.pool.members), len(shadows) // 2
    out = shadows.confidence.masked_fill(shadows.inside, math.nan)[:, :members]
    lowest, highest = (out.nan_to_num(worst) for worst in (math.inf, -math.inf))
    below = int((said[:members] < lowest.amin(0)).sum())
    above = int((said[:members] > highest.amax(0)).sum())
    note = f"compared with the {count} shadow models that never saw the example; by chance one in {count + 1}"
    return (
        rated("lira_below", clopper_pearson(below, members), note=f"less confident: {note}"),
        rated("lira_above", clopper_pearson(above, members), note=f"more confident: {note}"),
    )


def memorised(shadows: Shadows) -> Measurement:
    """How many standard deviations training on a forget example raises confidence in it, on average over the forget examples."""
    members = len(shadows.pool.members)
    gap, spread = memorisation(shadows.confidence[:, :members], shadows.inside[:, :members])
    return Measurement(
        name="lira_memorised", value=(gap / spread).mean().item(), unit="deviations", n=members, better="none",
        note="of shadow models, not of the measured one: where it is near 0, there is nothing that membership attacks could find",
    )  # fmt: skip


def memorisation(confidence: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """For each example, by how much training on it raises confidence, and the spread of confidence over models that never saw it.

    Args:
        confidence: log p - log(1 - p) of each shadow model, shape [k, n].
        inside: Which shadow models were trained on which example, bool, shape [k, n].

    Returns:
        Mean inside minus mean outside, and standard deviation outside, each of shape [n].

    Example:
        >>> inside = torch.tensor([[True], [True], [False], [False]])
        >>> gap, spread = memorisation(torch.tensor([[4.0], [2.0], [0.0], [2.0]]), inside)
        >>> gap.item(), round(spread.item(), 4)  # 3 - 1; deviations 1 and 1
        (2.0, 1.4142)
    """
    mean_in, _ = moments(confidence, inside)
    mean_out, spread = moments(confidence, ~inside)
    return mean_in - mean_out, spread


@ATTACKS.add(
    "u-lira", kind="membership", local=behind, cost=_unlearning_cost, redoes=True, settings=UnlearnedLiraSettings, order=51
)
def unlearned_lira(ground: Ground, subject: Subject, settings: UnlearnedLiraSettings) -> Finding:
    """Likelihood ratio between having unlearned an example by this method and never having seen it."""
    problem = too_few(pool_of(ground, settings)) or ("" if subject.again else "how this model was made cannot be done again")
    if problem:
        return Finding(refused("ulira", problem))
    shadows, count = shadow_models(ground, settings), unlearnings(ground, settings)
    alone = int((~shadows.inside[:count].any(0)).sum())
    if alone:
        why = f"{alone} examples are in none of the {count} shadow models that unlearn; set `unlearned` higher"
        return Finding(refused("ulira", why))
    clean = shadow_models(ground, settings.model_copy(update={"shadows": count, "kind": shadows.kind}), clean=True)
    said = confidence_of(ground, subject, shadows)
    if said is None:
        return Finding(refused("ulira", "the model's answers are not finite"))
    try:
        forgotten = torch.stack([_unlearned(ground, subject, shadows, number) for number in range(count)])
    except (UserError, TrainingDiverged) as error:  # the method does not fit a shadow model, which is no fault of the audited one
        return Finding(refused("ulira", f"it cannot be done again on a shadow model: {error}"))
    sides = torch.cat([forgotten, clean.confidence])
    knew = torch.cat([shadows.inside[:count], torch.zeros_like(clean.inside)])
    never = torch.cat([torch.zeros_like(shadows.inside[:count]), torch.ones_like(clean.inside)])
    scores = parted(likelihood_ratio(said, sides, knew, outside=never), shadows.pool)
    found = [*measured("ulira", scores), _recognised("ulira_recognised", scores)]
    asked = confidence_of(ground, ground.reference, shadows) if ground.retrained else None
    if asked is not None:
        reference = parted(likelihood_ratio(asked, sides, knew, outside=never), shadows.pool)
        found.append(_recognised("ulira_recognised_retrained", reference))
    words = f"{count} shadow models unlearned all candidates they had been trained on, {len(clean)} never saw a candidate."
    return Finding(tuple(found), curves(f"U-LiRA, {subject.name}", scores), len(scores.members), (shadows.words, words))


def _recognised(name: str, scores: Scores) -> Measurement:
    """Share of forget examples whose likelihood ratio speaks for having been unlearned."""
    rate = clopper_pearson(int((scores.members > 0).sum()), len(scores.members))
    return rated(name, rate, note="confidence fits models that unlearned the example better than models that never saw it")


def _unlearned(ground: Ground, subject: Subject, shadows: Shadows, number: int) -> Tensor:
    """Confidence in the candidates after a shadow model has unlearned those it was trained on."""
    key = ("unlearned shadow", subject.digest, subject.again, number, shadows.key)
    return ground.remember(key, lambda: _unlearn(ground, subject, shadows, number))


def _unlearn(ground: Ground, subject: Subject, shadows: Shadows, number: int) -> Tensor:
    assert subject.again is not None
    pool = shadows.pool
    base = Base(ground.base.record, shadows.network(ground, number))
    seen = shadows.halves[number].nonzero().squeeze(1).numpy()
    forget, retain = seen[seen < pool.candidates], seen[seen >= pool.candidates]
    held = np.setdiff1d(np.arange(len(pool)), seen)
    nothing = np.empty(0, np.int64)
    splits = Splits(forget, retain, nothing, ground.splits.retain_test, Holdout("train", held), pool.digest)
    network = subject.again(base, pool, splits, ground.seed + number)
    return label_log_odds(answers(network, pool, "train", np.arange(pool.candidates)), pool.classes)


def too_few(pool: Pool) -> str:
    """Why no membership attack makes sense on a pool; empty where one does."""
    members, others = len(pool.members), pool.candidates - len(pool.members)
    if min(members, others) >= _TWO_SIDES:
        return ""
    return (
        f"{members} forget examples and {others} never seen ones of the same classes are too few; it takes {_TWO_SIDES} of each"
    )


def confidence_of(ground: Ground, subject: Subject, shadows: Shadows) -> Tensor | None:
    """The subject's log p - log(1 - p) of the true class of each candidate, float64; None where an answer is not finite."""
    logits = shadows.pool.ask(ground, subject)
    return label_log_odds(logits, shadows.pool.classes) if bool(torch.isfinite(logits).all()) else None


def parted(score: Tensor, pool: Pool) -> Scores:
    """Scores of candidates as those of members and of others."""
    return Scores(score[: len(pool.members)], score[len(pool.members) :])
