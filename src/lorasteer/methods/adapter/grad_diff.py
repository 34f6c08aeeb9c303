"""Gradient difference: up on the forget set, down on retained examples.

Paper: Maini et al., TOFU, arXiv 2401.06121, where it is a baseline. Differs from their code in: LoRA instead of all weights, and
training stops once the aim is met, because the forget term is unbounded. With anchor `kl` it is the field's method KL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class GradDiffSettings(TextAdapterSettings):
    """Settings of `grad-diff`."""

    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of retain examples: their right answer (`cross-entropy`), or the base's (`kl`)."""
    anchor_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the anchor beside the forget term."""


@METHODS.add("grad-diff", family="adapter", tasks={"language"}, needs={"labels", "retain"}, paper="arXiv:2401.06121")
@dataclass(frozen=True)
class GradDiff:
    """Train LoRA up the cross-entropy of the forget set and down that of retained examples."""

    settings: GradDiffSettings
    Settings = GradDiffSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Mean log-probability of each forget answer's tokens; unbounded below."""
        return batch.mean(batch.statistics.log_prob)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss, asks_base=False)), course)
