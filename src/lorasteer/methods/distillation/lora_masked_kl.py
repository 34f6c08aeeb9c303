"""LoRA taught the base's own answer with the label taken out (DELETE's target).

Paper: Zhou et al., DELETE, CVPR 2025. Differs from the authors' code in: LoRA instead of all weights, AdamW instead of SGD, and
a KL anchor on a small retain sample, which the authors do not use.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import masked_kl
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.procedure import train_adapter
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Plan
from lorasteer.tasks.material import Material


class MaskedKlSettings(AdapterSettings):
    """Settings of `lora-masked-kl`."""

    stop_at: float | None = None
    """Stop once forget accuracy is at or below this share of the base's; None, because the target itself says where to stop."""


@METHODS.add("lora-masked-kl", family="distillation", tasks={"vision"}, needs={"labels"}, paper="DELETE, CVPR 2025")
@dataclass(frozen=True)
class MaskedKl:
    """Teach LoRA the answer of the base with the true class taken out, held in place by a small retain sample."""

    settings: MaskedKlSettings
    Settings = MaskedKlSettings

    def loss(self, batch: ForgetBatch) -> Tensor:
        """KL of each forget example from the masked answer of the base, in nats."""
        return masked_kl(batch.logits, batch.labels, batch.reference)

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """An adapter on the classifier head, or on the layers the plan names."""
        return train_adapter(material, plan, self.settings, self.loss, course)
