"""How far two predicted distributions lie apart, per example, computed in log space and in double precision."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def kl_divergence(p_logits: Float[Tensor, "n classes"], q_logits: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
    r"""KL(p || q) of each example, in nats.

    With p = softmax(p_logits), q = softmax(q_logits): sum_v p_v (log p_v - log q_v). The first argument is what is true (the
    retrained model), the second what is judged; the order matters.

    Args:
        p_logits: Finite unnormalised scores of the true distribution.
        q_logits: Those of the judged one.

    Returns:
        Divergences, 0 … unbounded, float64; the caller averages.

    Example:
        >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.75, 0.25]])
        >>> round(kl_divergence(p.log(), q.log()).item(), 4)  # 0.5 ln(2/3) + 0.5 ln 2
        0.1438
    """
    log_p, log_q = p_logits.double().log_softmax(-1), q_logits.double().log_softmax(-1)
    return _kl(log_p, log_q)


def js_divergence(p_logits: Float[Tensor, "n classes"], q_logits: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
    r"""Jensen-Shannon divergence of each example, in nats.

    With m = (p + q) / 2: KL(p || m) / 2 + KL(q || m) / 2. Total disagreement gives ln 2, whatever the number of classes or
    examples.

    Args:
        p_logits: Finite unnormalised scores of one distribution.
        q_logits: Those of the other; the order does not matter.

    Returns:
        Divergences, 0 … ln 2, float64; the caller averages.

    Example:
        >>> p, q = torch.tensor([[99.0, 0.0]]), torch.tensor([[0.0, 99.0]])
        >>> round(js_divergence(p, q).item(), 4)
        0.6931
    """
    log_p, log_q = p_logits.double().log_softmax(-1), q_logits.double().log_softmax(-1)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    return ((_kl(log_p, log_m) + _kl(log_q, log_m)) / 2).clamp(max=math.log(2))


def _kl(log_p: Float[Tensor, "n classes"], log_q: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
    # Rounding can leave a sum of -1e-17 where the distributions are equal.
    return (log_p.exp() * (log_p - log_q)).sum(-1).clamp(min=0)
