"""NegGrad+: descend on retained examples while ascending on the forget set.

Paper: Kurmanji et al., SCRUB, NeurIPS 2023, arXiv 2302.09880: alpha * CE(retain) - (1 - alpha) * CE(forget), one batch of each
per step. alpha has to be near 1 (0.95 to 0.9999 in the authors' notebooks); at 0.5 the model collapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
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


class NegGradPlusSettings(WeightSettings):
    """Settings of `neggrad-plus`."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Share of the retain term; 1 - alpha is the share of the ascent on the forget set."""
    retain: int = 5000
    """Retain examples to draw batches from."""
    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of them: to be classified rightly."""


@METHODS.add("neggrad-plus", family="finetuning", tasks={"vision"}, needs={"labels", "retain"}, paper="arXiv:2302.09880")
@dataclass(frozen=True)
class NegGradPlus:
    """Descend on retained examples and ascend on the forget set together, over all weights."""

    settings: NegGradPlusSettings
    Settings = NegGradPlusSettings

    def loss(self, batch: ForgetBatch) -> Tensor:
        """Negated cross-entropy, as heavy beside the anchor as (1 - alpha) : alpha."""
        ratio = (1 - self.settings.alpha) / self.settings.alpha
        return ratio * negated_cross_entropy(batch.logits, batch.labels)

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """New values for the weights that moved."""
        return train_weights(material, plan, self.settings, self.loss, course)
