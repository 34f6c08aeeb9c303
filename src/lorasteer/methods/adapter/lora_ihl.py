"""LoRA trained with the inverted hinge loss (IHL).

Paper: Cha et al., ICLR 2025, arXiv 2408.06621. Differs from the authors' code in: softmax always explicit; margin limited to
(0, 1]; a small retain sample anchors the rest (KL to the base by default, cross-entropy as in their code on request) and training
stops once the aim is met, because on forget data alone the loss collapses the model as gradient ascent does. On text the loss is
that of each answer token among the whole vocabulary, averaged over the answer; FILA is the setting `init`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, field_validator
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import check_margin, inverted_hinge
from lorasteer.core.token_losses import inverted_hinge_tokens
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.settings import AdapterSettings, TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class InvertedHingeSettings(AdapterSettings):
    """Settings of `lora-ihl`."""

    margin: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far, in probability, the strongest rival must lead. Above 1 the hinge never closes, so it is refused."""

    @field_validator("margin", mode="before")
    @classmethod
    def _in_range(cls, margin: object) -> object:
        """Refuse with the reason, which the bounds alone do not give."""
        return check_margin(margin) if isinstance(margin, (int, float)) else margin


class TextInvertedHingeSettings(TextAdapterSettings):
    """Settings of `lora-ihl` on text."""

    margin: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far, in probability, the strongest rival of a token must lead. Above 1 the hinge never closes, so it is refused."""

    @field_validator("margin", mode="before")
    @classmethod
    def _in_range(cls, margin: object) -> object:
        """Refuse with the reason, which the bounds alone do not give."""
        return check_margin(margin) if isinstance(margin, (int, float)) else margin


@METHODS.add("lora-ihl", family="adapter", tasks={"vision", "language"}, needs={"labels"}, paper="arXiv:2408.06621")
@dataclass(frozen=True)
class InvertedHinge:
    """Train LoRA on the forget set with the inverted hinge loss, held in place by a small retain sample."""

    settings: InvertedHingeSettings | TextInvertedHingeSettings
    Settings = InvertedHingeSettings
    TextSettings = TextInvertedHingeSettings

    def loss(self, batch: ForgetBatch) -> Tensor:
        """Inverted hinge loss of each forget example, between 0 and margin + 1."""
        return inverted_hinge(batch.logits, batch.labels, margin=self.settings.margin)

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """Inverted hinge loss of each answer token against all other words, mean over each forget answer."""
        told = batch.statistics
        return batch.mean(inverted_hinge_tokens(told.log_prob, told.rival_log_prob, margin=self.settings.margin))

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on the classifier head or the linear layers of the blocks, or on the layers the plan names."""
        return train(
            material, plan, self.settings, Objective(self.loss, TokenObjective(self.token_loss, asks_base=False)), course
        )
