"""Answers that a model writes, greedily or by lot, in batches of prompts of any lengths.

Rows begin together where the shortest of them ends; while a row still has known tokens, these are fed instead of the model's
own choice. So nothing is padded on the left. What is known of an answer beforehand, because the scored tokens of the right
answer were the most probable ones, need not be written again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lorasteer.evaluation.language.scoring import measuring, rows_of
from lorasteer.tasks.language.network import Network

ROWS = 64  # sequences that are written together
Choice = Callable[[Tensor], Tensor]
"""From the logits of a place, shape [batch, vocabulary], to a token of each sequence, shape [batch]."""


def most_probable(logits: Tensor) -> Tensor:
    """The token with the highest logit."""
    return logits.argmax(-1)


def drawn(temperature: float, generator: torch.Generator) -> Choice:
    """Tokens drawn from the softmax at a temperature, by a generator on the CPU."""

    def choose(logits: Tensor) -> Tensor:
        probability = (logits.float().cpu() / temperature).softmax(-1)
        return torch.multinomial(probability, 1, generator=generator)[:, 0]

    return choose


def write_greedily(network: Network, known: Sequence[Sequence[int]], limits: Sequence[int], end: int | None) -> list[list[int]]:
    """Continue sequences with the most probable token, again and again; see `write`."""
    return write(network, known, limits, end)


def write(
    network: Network, known: Sequence[Sequence[int]], limits: Sequence[int], end: int | None, choose: Choice = most_probable
) -> list[list[int]]:
    """Continue sequences token by token.

    Args:
        network: The model; it is left as it was.
        known: Token ids that each sequence begins with, at least one.
        limits: Length of each whole sequence at most.
        end: Token at which a sequence ends, the first one of its own; None where it ends at its limit only.
        choose: How a token is chosen.

    Returns:
        Whole sequences; one that ends is cut behind its end token.
    """
    whole = [list(ids) for ids in known]
    unfinished = [row for row in range(len(whole)) if len(whole[row]) < limits[row]]
    unfinished.sort(key=lambda row: (len(whole[row]), limits[row]))
    with measuring(network):
        for begin in range(0, len(unfinished), ROWS):
            batch = unfinished[begin : begin + ROWS]
            _write(network, [whole[row] for row in batch], [limits[row] for row in batch], end, choose)
    return whole


def _write(network: Network, ids: list[list[int]], limits: list[int], end: int | None, choose: Choice) -> None:
    """Lengthen sequences in place, a token of all unfinished ones at a time."""
    known, place = [len(row) for row in ids], min(map(len, ids))
    going, cache = list(range(len(ids))), None
    feed = [row[:place] for row in ids]
    while going:
        best, cache = _next(network, feed, cache, choose)
        for row, token in zip(going, best, strict=True):
            if len(ids[row]) == place:
                ids[row].append(token)
        place += 1
        kept = [
            nth for nth, row in enumerate(going)
            if len(ids[row]) < limits[row] and not (len(ids[row]) > known[row] and ids[row][-1] == end)
        ]  # fmt: skip
        if len(kept) < len(going):
            going, cache = (
                [going[nth] for nth in kept],
                rows_of(cache, torch.tensor(kept, dtype=torch.int64, device=network.device)),
            )
        feed = [ids[row][place - 1 : place] for row in going]


def _next(network: Network, feed: list[list[int]], cache: Any, choose: Choice) -> tuple[list[int], Any]:
    """The next token of each sequence, and the cache with what was fed."""
    said = network.decoder(input_ids=torch.tensor(feed, device=network.device), past_key_values=cache, use_cache=True)
    best: list[int] = choose(network.logits(said.last_hidden_state[:, -1])).tolist()
    return best, said.past_key_values
