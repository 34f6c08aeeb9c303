"""Direct preference optimisation towards another answer: a refusal (IDK-DPO), or a wrong answer of the same form (as AltPO).

Papers: Rafailov et al., arXiv 2305.18290; with refusals in Maini et al., TOFU, arXiv 2401.06121; with alternatives in Mekala et
al., AltPO, arXiv 2409.13474. Differs from their code in: LoRA instead of all weights, so the reference is the base itself; KL to
the base as anchor by default; alternatives are those that come with the data, where AltPO lets the model write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.token_losses import dpo
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class OtherAnswerSettings(TextAdapterSettings):
    """Settings of `dpo`."""

    beta: Annotated[float, Field(gt=0)] = 0.1
    """How soon the gradient fades once the other answer is preferred."""
    alternative: Literal["refusal", "perturbed"] = "refusal"
    """The answer to prefer: a refusal, or a wrong answer that comes with the data (`perturbed`)."""


@METHODS.add("dpo", family="preference", tasks={"language"}, needs={"labels"}, paper="arXiv:2401.06121")
@dataclass(frozen=True)
class OtherAnswer:
    """Make the model prefer a refusal, or another answer of the same form, to each forget answer."""

    settings: OtherAnswerSettings
    Settings = OtherAnswerSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """DPO of each forget example, from log-probabilities summed over the tokens of both answers."""
        other = batch.alternative
        assert other is not None
        wanted = other.total(other.statistics.log_prob), other.total(other.reference_log_prob)
        forgotten = batch.total(batch.statistics.log_prob), batch.total(batch.reference_log_prob)
        return dpo(*wanted, *forgotten, beta=self.settings.beta)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        objective = TokenObjective(self.token_loss, self.settings.alternative)
        return train(material, plan, self.settings, Objective(tokens=objective), course)
