"""LoRA trained by gradient ascent that saturation and importance weigh (SatImp).

Paper: Yang et al., ICML 2025, arXiv 2505.11953. Differs from the code in open-unlearning in: LoRA instead of all weights, KL to
the base as anchor (theirs is cross-entropy), and no reference model is held. A token the model is quite sure of has almost no
weight (p = 1 has none), so what is known by heart goes slowly at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.token_losses import satimp
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class SatImpSettings(TextAdapterSettings):
    """Settings of `satimp`."""

    beta1: Annotated[float, Field(ge=0)] = 5.0
    """Power of the probability: the larger, the sooner a token is left alone."""
    beta2: Annotated[float, Field(ge=0)] = 1.0
    """Power of what the probability leaves to 1: the larger, the less weight has what is nearly certain."""


@METHODS.add("satimp", family="adapter", tasks={"language"}, needs={"labels"}, paper="arXiv:2505.11953")
@dataclass(frozen=True)
class SatImp:
    """Train LoRA by gradient ascent, most on tokens that are likely but not certain."""

    settings: SatImpSettings
    Settings = SatImpSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Weighted log-probability, mean over each forget answer's tokens."""
        settings = self.settings
        return batch.mean(satimp(batch.statistics.log_prob, beta1=settings.beta1, beta2=settings.beta2))

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss, asks_base=False)), course)
