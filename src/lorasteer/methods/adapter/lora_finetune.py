"""LoRA fine-tuned on retained examples only.

Paper: the seed paper's Table 1 row; also Mittal, arXiv 2411.11907, without its pruning. Nothing pushes the forget set away, so
what is forgotten is forgotten by drift; the row stands in every table to show how much that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lorasteer.changes import Change
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import AdapterSettings, TextAdapterSettings
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class RetainFinetuneSettings(AdapterSettings):
    """Settings of `lora-finetune`."""

    retain: int = 5000
    """Retain examples an epoch passes over."""
    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of them: to be classified rightly."""


class TextRetainFinetuneSettings(TextAdapterSettings):
    """Settings of `lora-finetune` on text."""

    retain: int = 5000
    """Retain examples an epoch passes over."""
    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of them: to be answered rightly."""


@METHODS.add(
    "lora-finetune", family="adapter", tasks={"vision", "language"}, needs={"labels", "retain"}, paper="arXiv:2411.11907",
    forgets=False,
)  # fmt: skip
@dataclass(frozen=True)
class RetainFinetune:
    """Train LoRA on retained examples only; whatever is forgotten is forgotten by drift."""

    settings: RetainFinetuneSettings | TextRetainFinetuneSettings
    Settings = RetainFinetuneSettings
    TextSettings = TextRetainFinetuneSettings

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on the classifier head or the linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(), course)
