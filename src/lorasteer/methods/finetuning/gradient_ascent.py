"""Gradient ascent on the forget set, over all weights.

Paper: the classic baseline (NegGrad), e.g. in Jia et al., NeurIPS 2023, arXiv 2304.04934: learning rate 1e-4, 5 epochs. It has no
anchor and no bound; it collapses unless it is stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import negated_cross_entropy
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.procedure import train_weights
from lorasteer.methods.settings import WeightSettings
from lorasteer.records import Plan
from lorasteer.tasks.material import Material


class GradientAscentSettings(WeightSettings):
    """Settings of `gradient-ascent`."""

    epochs: int = 5
    """Passes over the forget set."""
    retain: int = 0
    """Retain examples used; the method uses none."""
    anchor: Literal["kl", "cross-entropy", "none"] = "none"
    """What is asked of retain examples; the method asks nothing."""
    stop_at: float | None = None
    """Stop once forget accuracy is at or below this share of the base's; the method runs all its epochs."""


@METHODS.add("gradient-ascent", family="finetuning", tasks={"vision"}, needs={"labels"}, paper="arXiv:2304.04934")
@dataclass(frozen=True)
class GradientAscent:
    """Raise the cross-entropy of the forget set over all weights; no anchor, no bound."""

    settings: GradientAscentSettings
    Settings = GradientAscentSettings

    def loss(self, batch: ForgetBatch) -> Tensor:
        """Negated cross-entropy of each forget example."""
        return negated_cross_entropy(batch.logits, batch.labels)

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """New values for the weights that moved."""
        return train_weights(material, plan, self.settings, self.loss, course)
