"""NPO without a reference, by log-probabilities per token (SimNPO).

Paper: Fan et al., arXiv 2410.07163. Differs from the authors' code in: LoRA instead of all weights; KL to the base as anchor
(theirs is cross-entropy), whose weight beside the forget term, 8, is that of their settings for forget10 (1 to 0.125).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.token_losses import simnpo
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class SimpleNegativePreferenceSettings(TextAdapterSettings):
    """Settings of `simnpo`."""

    beta: Annotated[float, Field(gt=0)] = 4.5
    """How soon the gradient fades; the smaller, the nearer to gradient ascent."""
    delta: Annotated[float, Field(ge=0)] = 0.0
    """How unlikely, in nats per token, counts as even odds."""
    anchor_weight: Annotated[float, Field(ge=0)] = 8.0
    """Weight of the anchor beside the forget term."""


@METHODS.add("simnpo", family="preference", tasks={"language"}, needs={"labels"}, paper="arXiv:2410.07163")
@dataclass(frozen=True)
class SimpleNegativePreference:
    """Make each forget answer unlikely per token, with a gradient that fades once it is."""

    settings: SimpleNegativePreferenceSettings
    Settings = SimpleNegativePreferenceSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """SimNPO of each forget answer, from the mean log-probability of its tokens."""
        return simnpo(batch.mean(batch.statistics.log_prob), beta=self.settings.beta, delta=self.settings.delta)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss, asks_base=False)), course)
