"""LoRA trained by gradient ascent that each token's confidence weighs (WGA).

Paper: Wang et al., ICLR 2025, arXiv 2502.19301. Differs from the code in open-unlearning in: LoRA instead of all weights, KL to
the base as anchor (theirs is cross-entropy), and no reference model is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.token_losses import wga
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class WeightedAscentSettings(TextAdapterSettings):
    """Settings of `wga`."""

    beta: Annotated[float, Field(ge=0)] = 1.0
    """Power of the probability that weighs each token; 0 weighs none, which is plain gradient ascent."""


@METHODS.add("wga", family="adapter", tasks={"language"}, needs={"labels"}, paper="arXiv:2502.19301")
@dataclass(frozen=True)
class WeightedAscent:
    """Train LoRA by gradient ascent weighted by confidence, so that what is gone is left alone."""

    settings: WeightedAscentSettings
    Settings = WeightedAscentSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Weighted log-probability, mean over each forget answer's tokens."""
        return batch.mean(wga(batch.statistics.log_prob, beta=self.settings.beta))

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss, asks_base=False)), course)
