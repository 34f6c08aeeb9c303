"""Linear readings of features."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.core.linear import affine_map, fitted_head, linear_cka, linear_probe

SEEDS = st.integers(0, 2**31 - 1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_cka_worked_by_hand() -> None:
    """Centred columns (-1, 0, 1) and (1, -2, 1) are orthogonal; beside (-1, 0, 1) once more, half of the norm is shared.

    X = a, Y = [a, b] with a'a = 2, b'b = 6, a'b = 0: (X'Y)² = 4, |X'X| = 2, |Y'Y| = sqrt(4 + 36): 4 / (2 * 6.3246) = 0.3162.
    """
    a, b = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([1.0, -2.0, 1.0])
    assert linear_cka(a[:, None], b[:, None]) == pytest.approx(0.0)
    assert linear_cka(a[:, None], torch.stack([a, b], 1)) == pytest.approx(4 / (2 * math.sqrt(40)))


@given(SEEDS)
def test_cka_does_not_change_under_rotation_scale_and_offset(seed: int) -> None:
    x, y = noise(20, 4, seed=seed), noise(20, 6, seed=seed + 1)
    turn, _ = torch.linalg.qr(noise(4, 4, seed=seed + 2))
    found = linear_cka(x, y)
    assert 0 <= found <= 1
    assert linear_cka(3 * x @ turn + 5, y) == pytest.approx(found, abs=1e-4)
    assert linear_cka(y, x) == pytest.approx(found, abs=1e-9)


def test_cka_by_examples_equals_cka_by_features() -> None:
    """With fewer examples than features another route is taken: padding with columns of zeros takes it, and changes nothing."""
    x, y = noise(6, 4), noise(6, 5, seed=1)
    wide = [torch.cat([side, torch.zeros(6, 9)], 1) for side in (x, y)]
    assert linear_cka(*wide) == pytest.approx(linear_cka(x, y), abs=1e-9)


def test_cka_of_features_that_do_not_vary_is_not_a_number() -> None:
    assert math.isnan(linear_cka(torch.ones(5, 2), noise(5, 2)))


def test_the_map_from_features_to_themselves_is_the_identity() -> None:
    x = noise(50, 3)
    matrix, offset = affine_map(x, x)
    assert torch.allclose(matrix, torch.eye(3, dtype=torch.float64), atol=1e-4)
    assert torch.allclose(offset, torch.zeros(3, dtype=torch.float64), atol=1e-4)


def test_a_feature_that_never_varies_is_left_out_of_the_map() -> None:
    x = torch.cat([noise(50, 1), torch.full((50, 1), 7.0)], 1)
    matrix, _ = affine_map(x, 2 * x[:, :1])
    assert matrix.flatten().tolist() == pytest.approx([2.0, 0.0], abs=1e-4)


def test_a_probe_worked_by_hand() -> None:
    """One example at -1 and one at 1, ridge 1: slope s with s = 2 sigmoid(-s), so s = 0.6748; the intercept is 0 by symmetry."""
    slopes, intercept = linear_probe(torch.tensor([[-1.0], [1.0]]), torch.tensor([False, True]))
    s = slopes.item()
    assert s == pytest.approx(2 / (1 + math.exp(s)), abs=1e-9)
    assert (s, intercept) == (pytest.approx(0.6748, abs=1e-4), pytest.approx(0.0, abs=1e-9))


def test_the_larger_side_of_a_probe_counts_no_more() -> None:
    """Ten copies of one side move nothing but the weight of the ridge, which symmetry keeps off the intercept."""
    x, side = torch.tensor([[-1.0]] * 10 + [[1.0]]), torch.tensor([False] * 10 + [True])
    slopes, intercept = linear_probe(x, side)
    assert (intercept, slopes.item() > 0) == (pytest.approx(0.0, abs=1e-9), True)


def test_a_probe_is_the_least_of_its_objective() -> None:
    """The gradient vanishes: ridge * slopes = sum of weight * (side - p) * x."""
    x, side = noise(60, 5), noise(60, seed=1) > 0.5
    slopes, intercept = linear_probe(x, side, ridge=0.3)
    p = torch.sigmoid(x.double() @ slopes + intercept)
    weights = len(x) / (2 * torch.where(side, side.sum(), (~side).sum()).double())
    pull = (weights * (side.double() - p)) @ x.double()
    assert torch.allclose(0.3 * slopes, pull, atol=1e-7)


def test_a_head_by_examples_equals_a_head_by_features() -> None:
    """With fewer examples than features another route is taken; columns of zeros take it, and change nothing."""
    x, labels = noise(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    matrix, offset = fitted_head(x, labels, 3)
    wide, wide_offset = fitted_head(torch.cat([x, torch.zeros(6, 9)], 1), labels, 3)
    assert torch.allclose(wide[:4], matrix, atol=1e-9)
    assert torch.allclose(wide_offset, offset, atol=1e-9)


def test_a_class_without_examples_gets_no_score() -> None:
    matrix, offset = fitted_head(noise(4, 2), torch.tensor([0, 1, 0, 1]), 3)
    assert matrix[:, 2].abs().max() == 0
    assert offset[2] == 0
