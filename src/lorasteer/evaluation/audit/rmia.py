"""RMIA: is a forget example more likely under the model than usual, compared with examples that were never trained on?

Zarifzadeh et al. 2024, arXiv:2312.03262. The ratio of an example is its probability under the measured model over that under an
average model; the score is the share of population examples with a ratio that it exceeds by a factor gamma. The population are
the never-trained examples of the same classes, which are the non-members as well: none is compared with itself. At any one
factor the score rises with the ratio, so the population only sets the scale. It needs few shadow models.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from lorasteer.core.membership import reference_log_probability, relative_score
from lorasteer.evaluation.audit.intervals import curves, measured, refused
from lorasteer.evaluation.audit.lira import parted, too_few, training_cost
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.shadows import ShadowSettings, behind, pool_of, shadow_models
from lorasteer.evaluation.audit.subject import Ground, Subject


class RelativeSettings(ShadowSettings):
    """Settings of RMIA."""

    gamma: Annotated[float, Field(gt=0)] = 1.0
    """Factor by which an example's ratio has to exceed that of a population example."""
    offline: Annotated[float, Field(ge=0, le=1)] | None = None
    """The number a of the offline form, which uses only shadow models that never saw the example; None uses both sides."""


@ATTACKS.add(
    "rmia", kind="membership", local=behind, cost=training_cost, shared="shadow models", settings=RelativeSettings, order=52
)
def rmia(ground: Ground, subject: Subject, settings: RelativeSettings) -> Finding:
    """Likelihood of a forget example relative to an average model and to examples never trained on."""
    problem = too_few(pool_of(ground, settings))
    if problem:
        return Finding(refused("rmia", problem))
    shadows = shadow_models(ground, settings)
    logits, pool = shadows.pool.ask(ground, subject), shadows.pool
    if not bool(torch.isfinite(logits).all()):
        return Finding(refused("rmia", "the model's answers are not finite"))
    said = logits.double().log_softmax(-1).gather(1, pool.classes[:, None]).squeeze(1)
    ratio = said - reference_log_probability(shadows.log_probability, shadows.inside, offline=settings.offline)
    in_population = (torch.arange(pool.candidates) >= len(pool.members)).double()
    scores = parted(relative_score(ratio, ratio[len(pool.members) :], gamma=settings.gamma, own=in_population), pool)
    return Finding(measured("rmia", scores), curves(f"RMIA, {subject.name}", scores), len(scores.members), (shadows.words,))
