"""Groups of sequences of about the same length: complete, and the cheapest there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lorasteer.tasks.language.lengths import cheapest


def cost(groups: list[list[int]], each: int) -> int:
    return sum(len(group) * max(group) + each for group in groups)


@pytest.mark.parametrize("each", [0, 5, 40, 1000])
def test_no_cut_of_the_sorted_lengths_costs_less(each: int) -> None:
    lengths = np.random.default_rng(each).integers(3, 60, 9)
    groups = cheapest(lengths.tolist(), each)
    assert sorted(np.concatenate(groups).tolist()) == list(range(9))

    ordered, least = sorted(lengths.tolist()), []
    for cuts in itertools.product([False, True], repeat=8):
        ends = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), 9]
        least.append(cost([ordered[a:b] for a, b in itertools.pairwise(ends)], each))
    assert cost([lengths[group].tolist() for group in groups], each) == min(least)


def test_one_sequence_and_equal_ones_are_one_group() -> None:
    assert [group.tolist() for group in cheapest([7], 0)] == [[0]]
    assert len(cheapest([7, 7, 7], 1)) == 1
