"""LoRA trained by gradient ascent on the forget set, also called NegLoRA.

Paper: the seed paper cites a NegLoRA paper whose identifier could not be found; the method here is its description, negated
cross-entropy on the forget set with a clipped gradient, and claims none of its results. It uses no retain examples and the loss
is unbounded, so it collapses within a few steps once the target is gone; the early stop decides whether anything is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import negated_cross_entropy
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.settings import AdapterSettings, TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class NegatedLoraSettings(AdapterSettings):
    """Settings of `lora-ga`."""

    retain: int = 0
    """Retain examples used; the method uses none."""
    anchor: Literal["kl", "cross-entropy", "none"] = "none"
    """What is asked of retain examples; the method asks nothing."""
    stop_at: float | None = None
    """Stop once forget accuracy is at or below this share of the base's; the method runs all its epochs."""


class TextNegatedLoraSettings(TextAdapterSettings):
    """Settings of `lora-ga` on text."""

    retain: int = 0
    """Retain examples used; the method uses none."""
    anchor: Literal["kl", "cross-entropy", "none"] = "none"
    """What is asked of retain examples; the method asks nothing."""
    forget_probability: float | None = None
    """Stop once the mean answer probability of the forget set is at or below this; the method runs all its epochs."""


@METHODS.add(
    "lora-ga", family="adapter", tasks={"vision", "language"}, needs={"labels"}, paper="none found (NegLoRA)", reconstruction=True
)
@dataclass(frozen=True)
class NegatedLora:
    """Train LoRA on the forget set with negated cross-entropy; unbounded, no anchor."""

    settings: NegatedLoraSettings | TextNegatedLoraSettings
    Settings = NegatedLoraSettings
    TextSettings = TextNegatedLoraSettings

    def loss(self, batch: ForgetBatch) -> Tensor:
        """Negated cross-entropy of each forget example; unbounded below."""
        return negated_cross_entropy(batch.logits, batch.labels)

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Mean log-probability of each forget answer's tokens; unbounded below."""
        return batch.mean(batch.statistics.log_prob)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on the classifier head or the linear layers of the blocks, or on the layers the plan names."""
        return train(
            material, plan, self.settings, Objective(self.loss, TokenObjective(self.token_loss, asks_base=False)), course
        )
