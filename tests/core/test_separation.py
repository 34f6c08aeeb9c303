"""How far two sets lie apart: by hand, at both ends, and by chance."""

from __future__ import annotations

import pytest
import torch

from lorasteer.core.separation import neighbour_separation


def test_worked_by_hand() -> None:
    """0 and 0.1 are each other's nearest, 9 has 8.9: 2 of 3; by chance 2 of 5. (2/3 - 2/5) / (1 - 2/5) = 4/9."""
    one, other = torch.tensor([[0.0], [0.1], [9.0]]), torch.tensor([[8.9], [9.2], [20.0]])
    assert neighbour_separation(one, other, neighbours=1) == pytest.approx(4 / 9)


def test_apart_is_one_and_mixed_is_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(300, 4, generator=generator), torch.randn(300, 4, generator=generator)
    assert neighbour_separation(one, other + 100) == 1
    assert abs(neighbour_separation(one, other)) < 0.05
    assert abs(neighbour_separation(one[:30], other)) < 0.05  # a small set owns few neighbours, and is not to own more


def test_unit_and_place_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other = torch.randn(40, 3, generator=generator), torch.randn(60, 3, generator=generator) + 0.5
    assert neighbour_separation(one, other) == neighbour_separation(one * 8 + 2, other * 8 + 2)


def test_a_pair_has_one_neighbour_at_most() -> None:
    assert neighbour_separation(torch.tensor([[0.0], [1.0]]), torch.tensor([[50.0], [60.0]])) == 1
