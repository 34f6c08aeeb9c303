"""FLAT: forget data only, by an f-divergence between another answer and the forget answer.

Paper: Wang et al., ICLR 2025, arXiv 2410.11143. Differs from the authors' code in: probabilities are averaged over answer tokens
only (theirs count prompt and padding as 0); question and other answer are read together; three divergences have the sign of their
g, and Neyman its conjugate, put right; training stops once the aim is met. No retained data and no reference are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.f_divergences import Divergence, flat
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan


class FlatSettings(TextAdapterSettings):
    """Settings of `flat`."""

    divergence: Divergence = "total-variation"
    """The f-divergence between the answer to give and the answer to forget."""
    alternative: Literal["refusal", "perturbed"] = "refusal"
    """The answer to give: a refusal, or a wrong answer that comes with the data (`perturbed`)."""
    retain: int = 0
    """Retain examples used; the method uses none."""
    anchor: Literal["kl", "cross-entropy", "none"] = "none"
    """What is asked of retain examples; the method asks nothing."""


@METHODS.add("flat", family="preference", tasks={"language"}, needs={"labels"}, paper="arXiv:2410.11143")
@dataclass(frozen=True)
class Flat:
    """Raise another answer and lower the forget answer by an f-divergence, without retained examples."""

    settings: FlatSettings
    Settings = FlatSettings

    def token_loss(self, batch: TokenBatch) -> Tensor:
        """The divergence's loss of each forget example, from mean probabilities of both answers' tokens."""
        other = batch.alternative
        assert other is not None
        wanted = other.mean(other.statistics.log_prob.exp())
        return flat(self.settings.divergence, wanted, batch.mean(batch.statistics.log_prob.exp()))

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """An adapter on all linear layers of the blocks, or on the layers the plan names."""
        objective = TokenObjective(self.token_loss, self.settings.alternative, asks_base=False)
        return train(material, plan, self.settings, Objective(tokens=objective), course)
