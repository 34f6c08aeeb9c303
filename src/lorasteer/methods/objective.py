"""What a step of unlearning minimises: a method's loss on forget examples beside an anchor on examples to be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lorasteer.core.losses import cross_entropy, kl_to_reference
from lorasteer.methods.pools import Sample


@dataclass(frozen=True)
class ForgetBatch:
    """Forget examples of one step, as a method's loss sees them.

    Args:
        logits: What the model says now, float32, shape [batch, classes].
        labels: Their true classes, shape [batch].
        reference: What the base says, shape [batch, classes].
        position: Their places in the forget set, shape [batch].
    """

    logits: Tensor
    labels: Tensor
    reference: Tensor
    position: Tensor


ForgetLoss = Callable[[ForgetBatch], Tensor]


def anchor_losses(kind: str, logits: Tensor, sample: Sample) -> Tensor:
    """Loss of each example to be kept: KL to what the base says (`kl`), else cross-entropy with its label."""
    return kl_to_reference(logits, sample.reference) if kind == "kl" else cross_entropy(logits, sample.labels)
