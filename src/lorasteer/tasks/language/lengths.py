"""Which sequences go through a model together: those of about the same length, so that little is computed for padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lorasteer.tasks.splits import Index

PASS, PASS_GPU = 64, 8192  # tokens that could be computed in the time which one more pass takes by itself


def of_alike_lengths(lengths: Sequence[int], device: torch.device) -> list[Index]:
    """Groups for one pass each, such that all passes together take the least time.

    Args:
        lengths: Tokens of each sequence, shape [n].
        device: Where the model is; a GPU is in no haste before it is filled.

    Returns:
        Places of each group's sequences, int64, shorter ones first; one group where nothing is gained by more.
    """
    return cheapest(lengths, PASS if device.type == "cpu" else PASS_GPU)


def cheapest(lengths: Sequence[int], each: int) -> list[Index]:
    """Groups such that the sum over them of (sequences times the longest, plus `each`) is least.

    Args:
        lengths: Tokens of each sequence, shape [n].
        each: What a group costs by itself, in tokens.

    Example:
        >>> [group.tolist() for group in cheapest([90, 10, 100, 11], each=20)], len(cheapest([10, 100], each=200))
        ([[1, 3], [0, 2]], 1)
    """
    order = np.argsort(np.asarray(lengths), kind="stable").astype(np.int64)
    size, ordered = len(order), np.asarray(lengths)[order]
    least, begins = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    for end in range(1, size + 1):  # the best groups of the shortest `end`, from the best ones of fewer
        costs = least[:end] + np.arange(end, 0, -1) * ordered[end - 1]
        begins[end] = costs.argmin()
        least[end] = costs[begins[end]] + each
    groups, end = list[Index](), size
    while end:
        groups.append(order[begins[end] : end])
        end = int(begins[end])
    return groups[::-1]
