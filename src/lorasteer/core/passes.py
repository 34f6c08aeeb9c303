"""Passes over the blocks of a head's scores, forward and backward; `core/tokens.py` gives them their names and shapes.

Forward keeps numbers per token only, and the scores where one block holds them all. Backward makes each block again: with z the
scores and p = softmax(z), each function's gradient in z is a factor per token times p, plus single entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lorasteer.core.scores import Block, Head, Slopes


def plainly(hidden: Tensor) -> torch.autocast:
    """A context in which no product is taken in half precision because a caller trains so."""
    return torch.autocast(hidden.device.type, enabled=False)


class Moments:
    """Normaliser of each token's scores, and mean and variance of log p under p, gathered block by block.

    Args:
        head: What makes the scores.
        device: Where.
    """

    def __init__(self, head: Head, device: torch.device) -> None:
        self.total = torch.full((head.tokens,), -torch.inf, dtype=head.dtype, device=device)
        self.mean, self.variance = torch.zeros_like(self.total), torch.zeros_like(self.total)

    def add(self, tokens: slice, scores: Tensor) -> None:
        """Take in one block of scores, shape [tokens, words]."""
        here = scores.logsumexp(-1)
        log_p = scores - here[:, None]
        p = log_p.exp()
        mean = (p * log_p).sum(-1)
        variance = (log_p - mean[:, None]).square_().mul_(p).sum(-1)
        before = self.total[tokens]
        total = torch.logaddexp(before, here)
        # the first block finds nothing before it: a share of 0, of what would be infinitely far away
        far = torch.where(before.isneginf(), 0.0, before - total)
        shares = (before - total).exp(), (here - total).exp()
        means = self.mean[tokens] + far, mean + here - total
        joined = shares[0] * means[0] + shares[1] * means[1]
        spread = self.variance[tokens] + (means[0] - joined).square(), variance + (means[1] - joined).square()
        self.total[tokens], self.mean[tokens] = total, joined
        self.variance[tokens] = shares[0] * spread[0] + shares[1] * spread[1]


class Best:
    """The highest score of each token and its word, gathered block by block; the first of equals.

    Args:
        head: What makes the scores.
        device: Where.
    """

    def __init__(self, head: Head, device: torch.device) -> None:
        self.score = torch.full((head.tokens,), -torch.inf, dtype=head.dtype, device=device)
        self.word = torch.zeros(head.tokens, dtype=torch.int64, device=device)

    def add(self, block: Block, scores: Tensor) -> None:
        """Take in one block of scores, shape [tokens, words]."""
        top, at = scores.max(-1)
        better = top > self.score[block.tokens]
        self.word[block.tokens] = torch.where(better, at + block.words.start, self.word[block.tokens])
        self.score[block.tokens] = torch.maximum(self.score[block.tokens], top)


class Statistics(torch.autograd.Function):
    """Log-probability of each token and of its strongest rival.

    With g and h the gradients in the two, the gradient in the scores is g at the label, h at the rival, less (g + h) p.
    """

    @staticmethod
    def forward(  # noqa: D102 - see the class
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, chunk: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        head = Head.of(hidden, weight, bias, chunk)
        best = Best(head, hidden.device)
        total, own, kept = torch.full_like(best.score, -torch.inf), torch.zeros_like(best.score), None
        with plainly(hidden):
            for block in head.blocks():
                scores, span = block.scores(hidden), block.tokens
                total[span] = torch.logaddexp(total[span], scores.logsumexp(-1))
                column, inside = block.place(labels)
                said = scores.gather(1, column)
                own[span] = torch.where(inside, said, own[span, None])[:, 0]
                best.add(block, scores.scatter_(1, column, torch.where(inside, -torch.inf, said)))
                kept = scores.scatter_(1, column, said) if head.whole and any(ctx.needs_input_grad) else None
        ctx.save_for_backward(hidden, weight, bias, labels, best.word, total, kept)
        ctx.chunk = chunk
        ctx.mark_non_differentiable(best.word)
        return own - total, best.score - total, best.word

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, own_slope: Tensor, rival_slope: Tensor, _: Any) -> tuple[Tensor | None, ...]:  # noqa: D102
        hidden, weight, bias, labels, rival, total, kept = ctx.saved_tensors
        head = Head.of(hidden, weight, bias, ctx.chunk)
        slopes = Slopes(hidden, head, ctx.needs_input_grad[:3])
        with plainly(hidden):
            for block, scores in _again(head, hidden, kept):
                span = block.tokens
                slope = (scores - total[span, None]).exp_().mul_(-(own_slope + rival_slope)[span, None])
                for word, part in ((labels, own_slope), (rival, rival_slope)):
                    column, inside = block.place(word)
                    slope.scatter_add_(1, column, torch.where(inside, part[span, None], 0.0))
                slopes.add(block, slope)
            return *slopes.done(), None, None


class ToReference(torch.autograd.Function):
    """Cross-entropy with, or KL from, the softmax q of a reference's scores, less a penalty at the label.

    The gradient in the scores is p - q for both, times the gradient per token. The reference is constant.
    """

    @staticmethod
    def forward(  # noqa: D102 - see the class
        ctx: Any, hidden: Tensor, reference: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor | None,
        penalty: float, divergence: bool, chunk: int,
    ) -> Tensor:  # fmt: skip
        head = Head.of(hidden, weight, bias, chunk)
        total = torch.full((head.tokens,), -torch.inf, dtype=head.dtype, device=hidden.device)
        wanted, expected, kept = total.clone(), torch.zeros_like(total), None
        with plainly(hidden):
            for block in head.blocks():
                scores, target, span = block.scores(hidden), _lowered(block, reference, labels, penalty), block.tokens
                total[span] = torch.logaddexp(total[span], scores.logsumexp(-1))
                here, before = target.logsumexp(-1), wanted[span]
                q = (target - here[:, None]).exp_()
                # KL compares score by score, so that equal scores give exactly 0
                mean = (q * (target - scores if divergence else -scores)).sum(-1)
                joined = torch.logaddexp(before, here)
                expected[span] = (before - joined).exp() * expected[span] + (here - joined).exp() * mean
                wanted[span] = joined
                if head.whole and any(ctx.needs_input_grad):
                    kept = (scores - total[:, None]).exp_().sub_(q)
        ctx.save_for_backward(hidden, reference, weight, bias, labels, total, wanted, kept)
        ctx.penalty, ctx.chunk = penalty, chunk
        return expected + (total - wanted if divergence else total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        hidden, reference, weight, bias, labels, total, wanted, kept = ctx.saved_tensors
        head = Head.of(hidden, weight, bias, ctx.chunk)
        needs = ctx.needs_input_grad
        slopes = Slopes(hidden, head, (needs[0], needs[2], needs[3]))
        with plainly(hidden):
            for block in head.blocks():
                span, gap = block.tokens, kept
                if gap is None:
                    target = _lowered(block, reference, labels, ctx.penalty)
                    gap = (block.scores(hidden) - total[span, None]).exp_()
                    gap -= (target - wanted[span, None]).exp_()
                slopes.add(block, gap * slope[span, None])
            in_hidden, in_weight, in_bias = slopes.done()
            return in_hidden, None, in_weight, in_bias, None, None, None, None


def _again(head: Head, hidden: Tensor, kept: Tensor | None) -> Iterator[tuple[Block, Tensor]]:
    for block in head.blocks():
        yield block, block.scores(hidden) if kept is None else kept


def _lowered(block: Block, reference: Tensor, labels: Tensor | None, penalty: float) -> Tensor:
    """The reference's scores, those of the labels less the penalty."""
    scores = block.scores(reference)
    if labels is None:
        return scores
    column, inside = block.place(labels)
    return scores.scatter_add_(1, column, torch.where(inside, -penalty, 0.0).to(scores.dtype))
