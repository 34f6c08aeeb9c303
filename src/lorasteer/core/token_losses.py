r"""Losses on the answers of a language model: pure functions of numbers per token or per example; the caller weighs and reduces.

Notation: p_t the probability of an answer token, NLL the negated log-probability of a whole answer, NLL0 that of the reference,
|y| its number of tokens. Formulas as in the methods' own code where paper and code differ; what differs here is said.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from jaxtyping import Float
from torch import Tensor

from lorasteer.core.losses import check_margin


def inverted_hinge_tokens(
    log_prob: Float[Tensor, " n"], rival_log_prob: Float[Tensor, " n"], *, margin: float = 1.0
) -> Float[Tensor, " n"]:
    """Push each token's probability below its strongest rival's: max(0, margin + p_t - p_rival) (arXiv:2408.06621).

    Args:
        log_prob: Log-probability of each token, as `token_statistics` tells it.
        rival_log_prob: That of its strongest rival.
        margin: In probability, 0 < margin <= 1.

    Returns:
        Loss of each token, between 0 and margin + 1.

    Raises:
        PlanError: The margin lies outside (0, 1].

    Example:
        >>> p = torch.tensor([0.7, 0.1]).log(), torch.tensor([0.2, 0.6]).log()
        >>> [round(x, 2) for x in inverted_hinge_tokens(*p).tolist()]
        [1.5, 0.5]
    """
    check_margin(margin)
    return F.relu(margin + log_prob.exp() - rival_log_prob.exp())


def npo(
    total_log_prob: Float[Tensor, " rows"], reference_total: Float[Tensor, " rows"], *, beta: float
) -> Float[Tensor, " rows"]:
    r"""Negative preference optimisation: -(2 / beta) log sigmoid(beta (NLL - NLL0)) (Zhang et al., arXiv:2404.05868).

    Its gradient is that of gradient ascent times 2 sigmoid(-beta (NLL - NLL0)): it fades once the answer is less likely than the
    reference had it. The smaller beta, the later.

    Args:
        total_log_prob: Log-probability of each answer, summed over its tokens.
        reference_total: The same of the reference.
        beta: Above 0.

    Example:
        >>> round(npo(torch.tensor([-3.0]), torch.tensor([-3.0]), beta=2.0).item(), 4)  # ln 2
        0.6931
    """
    return 2 / beta * F.softplus(beta * (total_log_prob - reference_total))


def simnpo(mean_log_prob: Float[Tensor, " rows"], *, beta: float, delta: float = 0.0) -> Float[Tensor, " rows"]:
    r"""NPO without a reference: -(2 / beta) log sigmoid(beta (NLL / |y| - delta)) (Fan et al., arXiv:2410.07163).

    Args:
        mean_log_prob: Log-probability of each answer, averaged over its tokens.
        beta: Above 0.
        delta: How unlikely, in nats per token, counts as even odds.

    Example:
        >>> round(simnpo(torch.tensor([-3.0]), beta=2.0, delta=3.0).item(), 4)  # ln 2
        0.6931
    """
    return 2 / beta * F.softplus(beta * (mean_log_prob + delta))


def dpo(
    wanted: Float[Tensor, " rows"],
    wanted_reference: Float[Tensor, " rows"],
    forgotten: Float[Tensor, " rows"],
    forgotten_reference: Float[Tensor, " rows"],
    *,
    beta: float,
) -> Float[Tensor, " rows"]:
    r"""Prefer another answer: -(2 / beta) log sigmoid(beta ((NLL0 - NLL) of the wanted - (NLL0 - NLL) of the forgotten)).

    Rafailov et al., arXiv:2305.18290, with the factor 2 / beta that the field's unlearning code gives it (as NPO has it).

    Args:
        wanted: Log-probability of each answer to be given, summed over its tokens.
        wanted_reference: The same of the reference.
        forgotten: Log-probability of each answer to be forgotten.
        forgotten_reference: The same of the reference.
        beta: Above 0.

    Example:
        >>> even = torch.tensor([-3.0])
        >>> round(dpo(even, even, even, even, beta=2.0).item(), 4)  # ln 2
        0.6931
    """
    return 2 / beta * F.softplus(-beta * ((wanted - wanted_reference) - (forgotten - forgotten_reference)))


def wga(log_prob: Float[Tensor, " n"], *, beta: float) -> Float[Tensor, " n"]:
    """Gradient ascent weighted by confidence: p_t^beta log p_t, the weight constant (Wang et al., arXiv:2502.19301).

    Args:
        log_prob: Log-probability of each token.
        beta: At 0 or above; at 0 it is gradient ascent.

    Example:
        >>> round(wga(torch.tensor([0.5]).log(), beta=1.0).item(), 4)  # 1/2 ln 1/2
        -0.3466
    """
    return (beta * log_prob).detach().exp() * log_prob


def satimp(log_prob: Float[Tensor, " n"], *, beta1: float, beta2: float) -> Float[Tensor, " n"]:
    """Gradient ascent weighted by saturation and importance: p_t^beta1 (1 - p_t)^beta2 log p_t (Yang et al., arXiv:2505.11953).

    Args:
        log_prob: Log-probability of each token.
        beta1: Power of the probability, at 0 or above.
        beta2: Power of what is left to 1, at 0 or above.

    Example:
        >>> round(satimp(torch.tensor([0.5]).log(), beta1=1.0, beta2=1.0).item(), 4)  # 1/4 ln 1/2
        -0.1733
    """
    p = log_prob.detach().exp()
    return p.pow(beta1) * (1 - p).pow(beta2) * log_prob


def misdirection(hidden: Float[Tensor, "n d"], target: Float[Tensor, "#n d"]) -> Float[Tensor, " n"]:
    """Squared distance of each token's hidden state from where it shall be, averaged over its numbers (RMU, arXiv:2403.03218).

    Args:
        hidden: Output of one block.
        target: A steering vector for all tokens, or the reference's own states.

    Example:
        >>> misdirection(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]])).item()
        2.0
    """
    return (hidden.float() - target.float()).square().mean(-1)


def steering_vector(size: int, *, seed: int, scale: float) -> Float[Tensor, "1 size"]:
    """A fixed random direction of length `scale`: uniform numbers in [0, 1), normalised, as RMU's code has it.

    Example:
        >>> round(steering_vector(4, seed=0, scale=2.0).norm().item(), 4)
        2.0
    """
    drawn = torch.rand(1, size, generator=torch.Generator().manual_seed(seed))
    vector: Tensor = scale * drawn / drawn.norm()
    return vector
