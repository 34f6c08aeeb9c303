r"""FLAT's losses: the variational form of an f-divergence between an answer to give and an answer to forget.

Wang et al., ICLR 2025, arXiv:2410.11143. With a and b the mean probability of the tokens of the answer to give and of that to
forget, each loss is -g(a) + f*(g(b)), f* the conjugate of f. To minimise it raises a and lowers b. For reverse KL, squared
Hellinger and Neyman the authors' code has g(v) = -exp(v) and 1 - exp(v), which turns the sign of a's gradient and pushes the
answer to give down; here they are -exp(-v) and 1 - exp(-v), and the conjugate of Neyman is that of g(b), not of b.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from jaxtyping import Float
from torch import Tensor

Divergence = Literal["total-variation", "kl", "jensen-shannon", "pearson", "jeffrey", "reverse-kl", "squared-hellinger", "neyman"]
DIVERGENCES: tuple[Divergence, ...] = get_args(Divergence)


def flat(name: Divergence, wanted: Float[Tensor, " rows"], forgotten: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
    """FLAT's loss of each example.

    Args:
        name: Which f-divergence.
        wanted: Mean probability of the tokens of the answer to give, 0 … 1.
        forgotten: Mean probability of the tokens of the answer to forget, 0 … 1.

    Example:
        >>> sure, never = torch.tensor([1.0]), torch.tensor([0.0])
        >>> round(flat("total-variation", sure, never).item(), 4), round(flat("total-variation", never, sure).item(), 4)
        (-0.3808, 0.3808)
    """
    return _LOSSES[name](wanted, forgotten)


def _jensen_shannon(a: Tensor, b: Tensor) -> Tensor:
    # f*(u) = -log(2 - e^u) of u = log 2 - softplus(-b) is b + softplus(-b) - log 2
    return -(math.log(2) - F.softplus(-a)) + b + F.softplus(-b) - math.log(2)


_LOSSES: Mapping[Divergence, Callable[[Tensor, Tensor], Tensor]] = {
    "total-variation": lambda a, b: (torch.tanh(b) - torch.tanh(a)) / 2,
    "kl": lambda a, b: -a + torch.exp(b - 1),
    "jensen-shannon": _jensen_shannon,
    "pearson": lambda a, b: -a + b.square() / 4 + b,
    "jeffrey": lambda a, b: -a + b + b.square() / 4 + b.pow(3) / 16,  # the conjugate's series up to the third power
    "reverse-kl": lambda a, b: torch.exp(-a) - 1 + b,
    "squared-hellinger": lambda a, b: torch.exp(-a) - 1 + torch.exp(b) - 1,
    "neyman": lambda a, b: torch.exp(-a) - 1 + 2 - 2 * torch.exp(-b / 2),
}
