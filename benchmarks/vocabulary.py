"""Memory of one loss as the vocabulary grows: scores made block by block against logits and softmax of all tokens at once.

Both are the inverted hinge of the same tokens on the same head, forward and backward, with the gradient in the hidden states: the
head is frozen, as it is beside an adapter. Each point is a process of its own; what counts is by how much its peak rises above
hidden states and head, which are there before. That both find the same loss and gradient is checked.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import say, write
from benchmarks.memory import asked, extra
from lorasteer.core.losses import inverted_hinge
from lorasteer.core.scores import CHUNK
from lorasteer.core.token_losses import inverted_hinge_tokens
from lorasteer.core.tokens import token_statistics

VOCABULARIES = (4096, 16384, 65536, 262144)
WIDTH, TOKENS, MARGIN = 256, 512, 0.5
REPEATS = 3  # timed passes, behind the one whose memory counts
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Logits and softmax of all tokens beside all words."""
    return inverted_hinge(hidden @ weight.T, labels, margin=MARGIN).mean()


def blocks(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """The same from a few numbers per token."""
    told = token_statistics(hidden, weight, None, labels)
    return inverted_hinge_tokens(told.log_prob, told.rival_log_prob, margin=MARGIN).mean()


WAYS: Mapping[str, Loss] = {"plain": plain, "blocks": blocks}


def point(way: str, vocabulary: int, tokens: int) -> dict[str, float]:
    """Megabytes of one pass, the median seconds of later ones, and what was found."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(vocabulary, WIDTH, generator=generator) / WIDTH**0.5
    hidden = torch.randn(tokens, WIDTH, generator=generator).requires_grad_()
    labels = torch.randint(vocabulary, (tokens,), generator=generator)

    def work() -> Tensor:
        hidden.grad = None
        loss = WAYS[way](hidden, weight, labels)
        torch.autograd.backward(loss)
        return loss.detach()

    small = torch.zeros(2, WIDTH, requires_grad=True)
    torch.autograd.backward(WAYS[way](small, weight[:8], labels[:2] % 8))  # what libraries set up once is no part of the loss
    megabytes, seconds = extra(work), []
    for _ in range(REPEATS):
        started = time.perf_counter()
        loss = work()
        seconds.append(time.perf_counter() - started)
    assert hidden.grad is not None
    found = {"loss": loss.item(), "slope": hidden.grad.norm().item()}
    return {"megabytes": megabytes, "seconds": sorted(seconds)[REPEATS // 2], **found}


def pair(vocabulary: int, tokens: int) -> dict[str, Any]:
    """Both ways at one size; numbers that differ stop the benchmark."""
    found = {way: asked("benchmarks.vocabulary", way, vocabulary, tokens) for way in WAYS}
    for name in ("loss", "slope"):
        one, other = (found[way][name] for way in WAYS)
        if abs(one - other) > 1e-4 * abs(one):
            raise AssertionError(f"{name} differs at {vocabulary} words: {one} and {other}")
    say(f"{vocabulary} words: " + ", ".join(f"{way} {one['megabytes']:.0f} MB" for way, one in found.items()))
    return {"vocabulary": vocabulary, **found}


def main(vocabularies: Sequence[int] = VOCABULARIES, tokens: int = TOKENS) -> None:
    """Every size, both ways, then the table."""
    points = [pair(vocabulary, tokens) for vocabulary in vocabularies]
    rows = [
        [
            f"{one['vocabulary']:,}",
            *(f"{one[way]['megabytes']:.0f}" for way in WAYS),
            f"{one['plain']['megabytes'] / max(one['blocks']['megabytes'], 1.0):.1f}",
            *(f"{one[way]['seconds']:.3f}" for way in WAYS),
        ]
        for one in points
    ]
    note = (
        f"Inverted hinge, forward and backward, {tokens} tokens of {WIDTH} numbers, float32, frozen head; rise of the peak of "
        f"resident memory in a fresh process, and the median seconds of {REPEATS} later passes, {torch.get_num_threads()} "
        f"threads. A block of scores takes {CHUNK >> 20} MB at most; scores that fit into one are kept for the way back."
    )
    columns = ["words", "whole logits, MB", "block by block, MB", "times less", "whole logits, s", "block by block, s"]
    write("vocabulary", "Memory of the loss as the vocabulary grows", None, columns, rows, note, points=points, seeds=[0])


if __name__ == "__main__":
    print(json.dumps(point(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
