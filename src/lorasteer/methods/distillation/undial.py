"""LoRA taught the base's own words with the forget answer's made less likely (UNDIAL).

Paper: Dong et al., NAACL 2025, arXiv 2402.10052. Differs from the code in open-unlearning in: only answer tokens count (there the
label -100 of prompt and padding is taken for a place in the vocabulary, and the loss averaged over them too); KL to the base as
anchor, which the authors do not use; the target says where to stop, but a reached aim stops earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.tokens import soft_cross_entropy
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class UndialSettings(TextAdapterSettings):
    """Settings of `undial`."""

    penalty: Annotated[float, Field(gt=0, le=100)] = 10.0
    """By how much the score of the right token is lowered in what is taught; the paper's beta."""


@METHODS.add("undial", family="distillation", tasks={"language"}, needs={"labels"}, paper="arXiv:2402.10052")
@dataclass(frozen=True)
class Undial:
    """Teach LoRA the base's own prediction of each token with the right one made less likely."""

    settings: UndialSettings
    Settings = UndialSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Cross-entropy with the lowered prediction of the base, mean over each forget answer's tokens."""
        head = batch.weight, batch.bias
        losses = soft_cross_entropy(batch.hidden, batch.reference, *head, batch.labels, penalty=self.settings.penalty)
        return batch.mean(losses)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        return train(material, plan, self.settings, Objective(tokens=TokenObjective(self.token_loss)), course)
