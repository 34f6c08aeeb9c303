"""LoRA fine-tuned on retained examples only.

Paper: the seed paper's Table 1 row; also Mittal, arXiv 2411.11907, without its pruning. Nothing pushes the forget set away, so
what is forgotten is forgotten by drift; the row stands in every table to show how much that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lorasteer.changes import Change
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.procedure import train_adapter
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Plan
from lorasteer.tasks.material import Material


class RetainFinetuneSettings(AdapterSettings):
    """Settings of `lora-finetune`."""

    retain: int = 5000
    """Retain examples an epoch passes over."""
    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of them: to be classified rightly."""


@METHODS.add(
    "lora-finetune", family="adapter", tasks={"vision"}, needs={"labels", "retain"}, paper="arXiv:2411.11907", forgets=False
)
@dataclass(frozen=True)
class RetainFinetune:
    """Train LoRA on retained examples only; whatever is forgotten is forgotten by drift."""

    settings: RetainFinetuneSettings
    Settings = RetainFinetuneSettings

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """An adapter on the classifier head, or on the layers the plan names."""
        return train_adapter(material, plan, self.settings, None, course)
