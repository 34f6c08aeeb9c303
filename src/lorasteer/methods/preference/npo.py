"""Negative preference optimisation (NPO): the forget answer as a dispreferred one.

Paper: Zhang et al., COLM 2024, arXiv 2404.05868. Differs from the authors' code in: LoRA instead of all weights, so the reference
is the base itself and no second model is held; KL to the base as anchor by default (cross-entropy on request, as theirs). The
branch for MUSE in the wild that takes raw logits for log-probabilities is another loss and is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.token_losses import npo
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class NegativePreferenceSettings(TextAdapterSettings):
    """Settings of `npo`."""

    beta: Annotated[float, Field(gt=0)] = 0.1
    """How soon the gradient fades; the smaller, the nearer to gradient ascent."""


@METHODS.add("npo", family="preference", tasks={"language"}, needs={"labels"}, paper="arXiv:2404.05868")
@dataclass(frozen=True)
class NegativePreference:
    """Make each forget answer less likely than the base had it, with a gradient that fades once it is."""

    settings: NegativePreferenceSettings
    Settings = NegativePreferenceSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """NPO of each forget answer, from log-probabilities summed over its tokens."""
        now, before = batch.total(batch.statistics.log_prob), batch.total(batch.reference_log_prob)
        return npo(now, before, beta=self.settings.beta)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss)), course)
