"""Projection on the capped simplex: by hand, and the conditions that single out the nearest point."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.core.simplex import project_capped_simplex

numbers = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("values", "total", "weights"),
    [
        ([2.0, 0.5, 0.25], 1.5, [1.0, 0.375, 0.125]),  # mu = 1/8
        ([0.5, 0.5, 0.5, 0.5], 1.0, [0.25] * 4),  # mu = 1/4
        ([3.0, 1.0, -1.0], 2.0, [1.0, 1.0, 0.0]),  # mu = 0
        ([0.0, 1.0], 1.0, [0.0, 1.0]),  # there already
        ([-4.0, 7.0], 0.0, [0.0, 0.0]),
        ([-4.0, 7.0], 2.0, [1.0, 1.0]),
        ([1000.0, 0.9, 0.1], 2.0, [1.0, 0.9, 0.1]),  # mu = 0
    ],
)
def test_worked_by_hand(values: list[float], total: float, weights: list[float]) -> None:
    assert project_capped_simplex(torch.tensor(values), total).tolist() == pytest.approx(weights, abs=1e-7)


@given(numbers, st.floats(0, 1))
def test_the_weights_are_allowed_and_no_other_allowed_ones_are_nearer(values: list[float], share: float) -> None:
    """For every other allowed point u: (values - w) . (u - w) <= 0. The worst u puts the total on the largest values - w."""
    total = share * len(values)
    given_values = torch.tensor(values).double()
    weights = project_capped_simplex(given_values, total)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights.sum().item() == pytest.approx(total, abs=1e-9)
    pull = (given_values - weights).sort(descending=True).values
    whole = int(total)
    worst = pull[:whole].sum() + (total - whole) * (pull[whole] if whole < len(values) else 0)
    assert worst <= ((given_values - weights) * weights).sum() + 1e-6


@given(numbers, st.floats(-5, 5), st.floats(0, 1))
def test_a_shift_of_all_values_changes_nothing(values: list[float], shift: float, share: float) -> None:
    total, plain = share * len(values), torch.tensor(values).double()
    assert torch.allclose(project_capped_simplex(plain, total), project_capped_simplex(plain + shift, total), atol=1e-9)


@given(numbers, st.floats(0, 1))
def test_projecting_twice_is_projecting_once(values: list[float], share: float) -> None:
    once = project_capped_simplex(torch.tensor(values), share * len(values))
    assert torch.allclose(project_capped_simplex(once, share * len(values)), once, atol=1e-9)


@pytest.mark.parametrize("total", [-0.1, 3.1])
def test_a_sum_that_no_weights_have_is_refused(total: float) -> None:
    with pytest.raises(ValueError, match="3 weights between 0 and 1 have a sum of 0 to 3, not"):
        project_capped_simplex(torch.zeros(3), total)
