"""What losses and evaluation need to know about each token, without the scores of a whole vocabulary for all of them.

A vocabulary of 128,000 words makes the scores of 1,000 tokens 512 MB, and a loss keeps them, their softmax and its gradient. Here
the scores are made block by block: forward keeps a few numbers per token, backward makes the blocks again. Memory is that of one
block, whatever the vocabulary; scores that fit into one block are kept and not made again.

Notation: n tokens, d numbers per hidden state, V words; z = hidden @ weight.T + bias, p = softmax(z), y the label.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lorasteer.core.passes import Best, Moments, Statistics, ToReference, plainly
from lorasteer.core.scores import CHUNK, Head

Hidden = Float[Tensor, "n d"]
Weight = Float[Tensor, "vocabulary d"]
Bias = Float[Tensor, " vocabulary"]
Labels = Int[Tensor, " n"]
PerToken = Float[Tensor, " n"]


class TokenStatistics(NamedTuple):
    """Each token beside the strongest other word, shape [n] each."""

    log_prob: Tensor
    """Log-probability of the token, in nats."""
    rival_log_prob: Tensor
    """Log-probability of the most probable other word, in nats."""
    rival: Tensor
    """Which word that is; the first of equals."""


class VocabularyStatistics(NamedTuple):
    """Each token beside the whole vocabulary, shape [n] each."""

    log_prob: Tensor
    """Log-probability of the token, in nats."""
    mean: Tensor
    """Expectation of log p under p: the negated entropy."""
    std: Tensor
    """Standard deviation of log p under p."""
    right: Tensor
    """Whether the token is the most probable word; of equals the first counts."""


def token_statistics(hidden: Hidden, weight: Weight, bias: Bias | None, labels: Labels, *, chunk: int = CHUNK) -> TokenStatistics:
    """Log-probability of each token and of its strongest rival; differentiable in hidden states, weight and bias.

    Where several words are equally strong rivals, the gradient goes to the first.

    Args:
        hidden: What the head reads where it predicts each token; may be half precision.
        weight: Of the head, at least two words.
        bias: Of the head, if it has one.
        labels: The tokens, each 0 ... V - 1.
        chunk: Bytes of one block of scores.

    Returns:
        Statistics in float32, in float64 for float64 hidden states.

    Example:
        >>> weight = torch.tensor([[0.7], [0.2], [0.1]]).log()
        >>> told = token_statistics(torch.ones(1, 1), weight, None, torch.tensor([0]))
        >>> round(told.log_prob.exp().item(), 4), round(told.rival_log_prob.exp().item(), 4), told.rival.item()
        (0.7, 0.2, 1)
    """
    return TokenStatistics(*Statistics.apply(hidden, weight, bias, labels, chunk))  # type: ignore[no-untyped-call]


def soft_cross_entropy(
    hidden: Hidden,
    reference_hidden: Hidden,
    weight: Weight,
    bias: Bias | None,
    labels: Labels | None = None,
    *,
    penalty: float = 0.0,
    chunk: int = CHUNK,
) -> PerToken:
    """Cross-entropy of each token's prediction with what a reference says once the token itself is made less likely.

    With t the reference's scores less `penalty` at the label and q = softmax(t): -sum_v q_v log p_v. The reference is constant:
    no gradient goes through it, not even to a weight both share.

    Args:
        hidden: What the head reads, of the model that learns.
        reference_hidden: The same of the reference.
        weight: Of the head, for both.
        bias: Of the head, if it has one.
        labels: The tokens to be made less likely; None for none.
        penalty: By how much their score is lowered, finite.
        chunk: Bytes of one block of scores.

    Example:
        >>> even, weight = torch.zeros(1, 1), torch.tensor([[0.0], [2.0]])
        >>> round(soft_cross_entropy(even, even, weight, None).item(), 4)
        0.6931
    """
    own = None if labels is None or not penalty else labels
    found: Tensor = ToReference.apply(hidden, reference_hidden, weight, bias, own, penalty, False, chunk)  # type: ignore[no-untyped-call]
    return found


def kl_to_reference_tokens(
    hidden: Hidden, reference_hidden: Hidden, weight: Weight, bias: Bias | None, *, chunk: int = CHUNK
) -> PerToken:
    """KL(reference || model) of each token's prediction in nats; arguments as in `soft_cross_entropy`.

    Example:
        >>> even, weight = torch.zeros(1, 1), torch.tensor([[0.0], [2.0]])
        >>> kl_to_reference_tokens(even, even, weight, None).item()
        0.0
    """
    found: Tensor = ToReference.apply(hidden, reference_hidden, weight, bias, None, 0.0, True, chunk)  # type: ignore[no-untyped-call]
    return found


@torch.no_grad()
def vocabulary_statistics(
    hidden: Hidden, weight: Weight, bias: Bias | None, labels: Labels, chunk: int = CHUNK
) -> VocabularyStatistics:
    """What Min-K%++ and exact memorisation read of each token, in one pass and without gradient; arguments as above.

    Example:
        >>> weight = torch.tensor([[0.75], [0.25]]).log()
        >>> told = vocabulary_statistics(torch.ones(1, 1), weight, None, torch.tensor([0]))
        >>> round(told.mean.item(), 4), round(told.std.item(), 4), told.right.item()  # 3/4 ln 3/4 + 1/4 ln 1/4; sqrt(3)/4 ln 3
        (-0.5623, 0.4757, True)
    """
    head = Head.of(hidden, weight, bias, chunk)
    best, spread = Best(head, hidden.device), Moments(head, hidden.device)
    own = torch.zeros_like(spread.total)
    with plainly(hidden):
        for block in head.blocks():
            scores, span = block.scores(hidden), block.tokens
            column, inside = block.place(labels)
            own[span] = torch.where(inside, scores.gather(1, column), own[span, None])[:, 0]
            best.add(block, scores)
            spread.add(span, scores)
    return VocabularyStatistics(own - spread.total, spread.mean, spread.variance.sqrt(), best.word == labels)


def per_example(
    values: Float[Tensor, " n"], row: Int[Tensor, " n"], rows: int
) -> tuple[Float[Tensor, " rows"], Int[Tensor, " rows"]]:
    """Sum of a number per token over each example, and how many tokens it has.

    Example:
        >>> total, count = per_example(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 0, 2]), 3)
        >>> total.tolist(), count.tolist()
        ([3.0, 0.0, 4.0], [2, 0, 1])
    """
    total = torch.zeros(rows, dtype=values.dtype, device=values.device).index_add(0, row, values)
    return total, torch.zeros(rows, dtype=torch.int64, device=row.device).index_add(0, row, torch.ones_like(row).long())
