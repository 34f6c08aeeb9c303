"""What a step of unlearning minimises on text: a method's loss on the answer tokens of forget examples.

Everything is measured at the positions that predict an answer token, and nowhere else: a batch holds the hidden states of those
positions, one row of numbers per token. Probabilities are made from them a few tokens at a time, so that no tensor of tokens by
vocabulary outlives a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from lorasteer.core.tokens import TokenStatistics, per_example, token_statistics


@dataclass(frozen=True)
class TokenBatch:
    """The answer tokens of one step's examples, as a method's loss sees them.

    Args:
        hidden: What the head reads where it predicts each token, shape [n, d]; of the objective's `layer` where it names one.
        reference: The same of the base, without gradient, shape [n, d]; empty where the objective does not ask the base.
        labels: The tokens to be predicted, int64, shape [n].
        row: The example each token belongs to, int64 in 0 ... rows - 1, ascending, shape [n].
        position: Places of the examples in the forget set, shape [rows]; for kept examples in the pool they come from.
        weight: Of the head, shape [vocabulary, d].
        bias: Of the head, shape [vocabulary]; None where it has none.
        alternative: The same questions with the answer to give instead, example for example; None where the objective asks none.
    """

    hidden: Tensor
    reference: Tensor
    labels: Tensor
    row: Tensor
    position: Tensor
    weight: Tensor
    bias: Tensor | None = None
    alternative: TokenBatch | None = None

    @property
    def rows(self) -> int:
        """How many examples."""
        return len(self.position)

    @cached_property
    def statistics(self) -> TokenStatistics:
        """Log-probability of each token and of its strongest rival, [n] each; computed once, with gradient in `hidden`."""
        return token_statistics(self.hidden, self.weight, self.bias, self.labels)

    @cached_property
    def reference_log_prob(self) -> Tensor:
        """Log-probability of each token under the base, without gradient, shape [n]."""
        with torch.no_grad():
            return token_statistics(self.reference, self.weight, self.bias, self.labels).log_prob

    def total(self, values: Tensor) -> Tensor:
        """Sum of a number per token over each example, [n] to [rows]; 0 for an example without tokens."""
        return per_example(values, self.row, self.rows)[0]

    def mean(self, values: Tensor) -> Tensor:
        """Mean of a number per token over each example, [n] to [rows]; 0 for an example without tokens."""
        total, count = per_example(values, self.row, self.rows)
        return total / count.clamp(min=1)


TokenLoss = Callable[[TokenBatch], Tensor]
"""Loss of each example of a batch, shape [rows]; the caller weighs and reduces."""
Alternatives = Literal["none", "refusal", "perturbed"]


@dataclass(frozen=True)
class TokenObjective:
    """A method's loss on forget examples, and what it must be given for it.

    Args:
        loss: Loss of each forget example.
        alternatives: Other answers to the same questions: a `refusal`, or a wrong answer that comes with the data (`perturbed`).
        layer: Block whose output `hidden` and `reference` are, from 0, negative from the end; None for what the head reads.
        anchor: Loss of each example to be kept, in place of the settings' anchor; a method with a `layer` needs one of its own,
            because its batches hold that layer's states.
        asks_base: Whether the loss of forget examples reads what the base says; where not, `reference` is empty in their batches.
    """

    loss: TokenLoss
    alternatives: Alternatives = "none"
    layer: int | None = None
    anchor: TokenLoss | None = None
    asks_base: bool = True
