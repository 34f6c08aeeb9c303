"""How far two sets of examples lie apart in the space of features. Pure functions of tensors, in double precision."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def neighbour_separation(one: Float[Tensor, "n d"], other: Float[Tensor, "m d"], *, neighbours: int = 10) -> float:
    """How much more often than by chance the nearest neighbours of examples of one set belong to that set as well.

    Args:
        one: Features of at least two examples.
        other: Features of at least one example. Both sets in the proportion in which they occur.
        neighbours: How many nearest examples of both sets together are asked; no more than an example has companions.

    Returns:
        1 where all neighbours are of the set, 0 where it is mixed with the other by chance, below 0 where it is torn apart.

    Example:
        >>> one, other = torch.tensor([[0.0], [0.1], [9.0]]), torch.tensor([[8.9], [9.1], [20.0]])
        >>> separation = neighbour_separation(one, other, neighbours=1)
        >>> round(separation, 4)  # two of three own their nearest; by chance 2/5: (2/3 - 2/5) / (3/5)
        0.4444
    """
    both = torch.cat([one, other]).double()
    distances = torch.cdist(one.double(), both)
    distances[torch.arange(len(one)), torch.arange(len(one))] = torch.inf  # nobody is a neighbour of itself
    nearest = distances.topk(min(neighbours, len(one) - 1), largest=False).indices
    share = (nearest < len(one)).double().mean().item()
    chance = (len(one) - 1) / (len(both) - 1)
    return (share - chance) / (1 - chance)
