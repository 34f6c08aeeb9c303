"""Greedy answers of a model, in batches of prompts of any lengths.

Rows begin together where the shortest of them ends; while a row still has known tokens, these are fed instead of the model's
own choice. So nothing is padded on the left. What is known of an answer beforehand, because the scored tokens of the right
answer were the most probable ones, need not be written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lorasteer.evaluation.language.scoring import measuring, rows_of
from lorasteer.tasks.language.network import Network

ROWS = 64  # sequences that are written together


def write_greedily(network: Network, known: Sequence[Sequence[int]], limits: Sequence[int], end: int | None) -> list[list[int]]:
    """Continue sequences with the most probable token, again and again.

    Args:
        network: The model; it is left as it was.
        known: Token ids that each sequence begins with, at least one.
        limits: Length of each whole sequence at most.
        end: Token at which a sequence ends, the first one of its own; None where it ends at its limit only.

    Returns:
        Whole sequences; one that ends is cut behind its end token.
    """
    whole = [list(ids) for ids in known]
    unfinished = [row for row in range(len(whole)) if len(whole[row]) < limits[row]]
    unfinished.sort(key=lambda row: (len(whole[row]), limits[row]))
    with measuring(network):
        for begin in range(0, len(unfinished), ROWS):
            batch = unfinished[begin : begin + ROWS]
            _write(network, [whole[row] for row in batch], [limits[row] for row in batch], end)
    return whole


def _write(network: Network, ids: list[list[int]], limits: list[int], end: int | None) -> None:
    """Lengthen sequences in place, a token of all unfinished ones at a time."""
    known, place = [len(row) for row in ids], min(map(len, ids))
    going, cache = list(range(len(ids))), None
    feed = [row[:place] for row in ids]
    while going:
        best, cache = _most_probable(network, feed, cache)
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


def _most_probable(network: Network, feed: list[list[int]], cache: Any) -> tuple[list[int], Any]:
    """The next token of each sequence, and the cache with what was fed."""
    said = network.decoder(input_ids=torch.tensor(feed, device=network.device), past_key_values=cache, use_cache=True)
    best: list[int] = network.logits(said.last_hidden_state[:, -1]).argmax(-1).tolist()
    return best, said.past_key_values
