"""Losses on logits: one number per example, pure functions of tensors; the caller weighs and reduces.

Notation: z logits, p = softmax(z), y the label, K classes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lorasteer.errors import PlanError


def inverted_hinge(
    logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"], *, margin: float = 1.0
) -> Float[Tensor, " batch"]:
    r"""Push each label's probability below its strongest rival's.

    With p = softmax(logits) and label t: loss = max(0, margin + p_t - max_{v != t} p_v). Unlike negated cross-entropy it is
    bounded, and so is its gradient in the logits (Cha et al., ICLR 2025, arXiv:2408.06621).

    Args:
        logits: Unnormalised scores; the softmax is applied here.
        labels: Class to forget, one per example.
        margin: In probability, 0 < margin <= 1. At 1 the hinge never closes; above 1 nothing changes, so it is refused.

    Returns:
        Loss of each example, between 0 and margin + 1; the caller reduces.

    Raises:
        PlanError: The margin lies outside (0, 1].

    Example:
        >>> p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
        >>> [round(x, 2) for x in inverted_hinge(p.log(), torch.tensor([0, 0])).tolist()]
        [1.5, 0.5]
    """
    check_margin(margin)
    p, own = logits.softmax(-1), labels.unsqueeze(-1)
    rival = p.scatter(-1, own, -1.0).amax(-1)
    return F.relu(margin + p.gather(-1, own).squeeze(-1) - rival)


def check_margin(margin: float) -> float:
    """Return the margin if it lies in (0, 1].

    Raises:
        PlanError: It does not.
    """
    if 0 < margin <= 1:
        return margin
    raise PlanError(
        f"margin {margin} is outside (0, 1]: p_t - p_v lies in [-1, 1], so above 1 the hinge never closes and nothing changes, "
        "and at or below 0 nothing is pushed. Choose 0 < margin <= 1."
    )


def negated_cross_entropy(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Gradient ascent written as a loss: log p_y, at most 0 and unbounded below.

    Example:
        >>> round(negated_cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([0])).item(), 4)
        -0.6931
    """
    return -cross_entropy(logits, labels)


def cross_entropy(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Cross-entropy of each example in nats, -log p_y.

    Example:
        >>> round(cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).item(), 4)
        0.6931
    """
    return F.cross_entropy(logits, labels, reduction="none")


def kl_to_reference(logits: Float[Tensor, "batch classes"], reference: Float[Tensor, "batch classes"]) -> Float[Tensor, " batch"]:
    """KL(reference || model) of each example in nats: what the reference says is to be said again.

    Args:
        logits: Scores of the model that learns.
        reference: Scores of the frozen reference model; -inf gives probability 0.

    Example:
        >>> even, sure = torch.zeros(1, 2), torch.tensor([[0.0, -torch.inf]])
        >>> round(kl_to_reference(even, sure).item(), 4), kl_to_reference(even, even).item()
        (0.6931, 0.0)
    """
    wanted = reference.log_softmax(-1)
    gap = torch.where(wanted.isneginf(), 0.0, wanted - logits.log_softmax(-1))
    return (wanted.exp() * gap).sum(-1)


def masked_kl(
    logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"], reference: Float[Tensor, "batch classes"]
) -> Float[Tensor, " batch"]:
    """KL from the reference's answer with the label taken out (DELETE, CVPR 2025): tells the model where the mass shall go.

    Target: softmax of the reference's logits with the label's set to -inf. The loss is 0 once the model says just that.

    Example:
        >>> reference = torch.tensor([[2.0, 0.0, 0.0]])
        >>> round(masked_kl(torch.zeros(1, 3), torch.tensor([0]), reference).item(), 4)  # ln 3 - ln 2
        0.4055
    """
    target = reference.masked_fill(one_hot(labels, reference.shape[-1]), -math.inf)
    return kl_to_reference(logits, target)


def one_hot(labels: Int[Tensor, " batch"], classes: int) -> Bool[Tensor, "batch classes"]:
    """True at each example's label, False elsewhere."""
    return F.one_hot(labels, classes).bool()
