"""Scores of membership inference: by hand, against SciPy, and what must hold for any numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from torch import Tensor

from lorasteer.core.membership import (
    ENOUGH_FOR_OWN_SPREAD,
    SMALLEST_SPREAD,
    likelihood_ratio,
    moments,
    reference_log_probability,
    relative_score,
    upper_tail,
)
from lorasteer.core.statistics import rank_auc


def halves(shadows: int, examples: int, seed: int = 0) -> Tensor:
    """Each example inside exactly half of the shadow models."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randperm(shadows, generator=generator) < shadows // 2 for _ in range(examples)], 1)


def column(*values: float) -> Tensor:
    return torch.tensor(values)[:, None]


def test_likelihood_ratio_worked_by_hand() -> None:
    """In: 3 and 5, mean 4, variance 2. Out: -4, 4, mean 0, variance 32. At 2: in -4 / 4 - ln sqrt 2, out -4 / 64 - ln sqrt 32.

    Difference: -1 + 1/16 + ln(32 / 2) / 2 = -0.9375 + 1.3863 = 0.4488.
    """
    inside = column(True, True, False, False)
    found = likelihood_ratio(torch.tensor([2.0]), column(3.0, 5.0, -4.0, 4.0), inside, own_spread=True)
    assert found.item() == pytest.approx(-0.9375 + math.log(4))


def test_a_shared_spread_takes_all_examples_together() -> None:
    """Deviations: 1, 1 about the mean 2, and 3, 3 about the mean 0: (1 + 1 + 9 + 9) / (1 + 1) = 10 for both."""
    mean, spread = moments(torch.tensor([[1.0, -3.0], [3.0, 3.0]]), torch.ones(2, 2, dtype=torch.bool), own_spread=False)
    assert mean.tolist() == [2.0, 0.0]
    assert spread.tolist() == pytest.approx([math.sqrt(10)] * 2)


@pytest.mark.parametrize(("shadows", "same"), [(2 * ENOUGH_FOR_OWN_SPREAD, False), (2 * ENOUGH_FOR_OWN_SPREAD - 2, True)])
def test_few_shadow_models_share_a_spread(shadows: int, same: bool) -> None:
    values = torch.randn(shadows, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 5.0, 25.0])
    _, spread = moments(values, halves(shadows, 3))
    assert (len(set(spread.tolist())) == 1) is same


def test_shadow_models_that_all_agree_do_not_divide_by_zero() -> None:
    """Where every shadow model says the same, the spread is 0 and a density would be NaN."""
    inside = column(True, True, False, False)
    score = likelihood_ratio(torch.tensor([2.0]), torch.full((4, 1), 2.0), inside, own_spread=True)
    assert score.item() == 0
    assert moments(torch.full((4, 1), 2.0), inside)[1].item() == SMALLEST_SPREAD


def test_the_ratio_agrees_with_scipy() -> None:
    generator = torch.Generator().manual_seed(2)
    shadows, inside, observed = torch.randn(40, 7, generator=generator), halves(40, 7), torch.randn(7, generator=generator)
    found = likelihood_ratio(observed, shadows, inside)
    for n in range(7):
        sides = [shadows[inside[:, n] == side, n].double().numpy() for side in (True, False)]
        logs = [norm.logpdf(observed[n].item(), side.mean(), side.std(ddof=1)) for side in sides]
        assert found[n].item() == pytest.approx(logs[0] - logs[1], rel=1e-5)
        z = upper_tail(observed, shadows, ~inside)[n].item()
        assert norm.cdf(z) == pytest.approx(norm.cdf(observed[n].item(), sides[1].mean(), sides[1].std(ddof=1)), rel=1e-5)


@given(st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 1000))
def test_units_of_confidence_do_not_matter(scale: float, shift: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shadows, observed = torch.randn(8, 4, generator=generator).double(), torch.randn(4, generator=generator).double()
    inside = halves(8, 4, seed)
    moved = likelihood_ratio(observed * scale + shift, shadows * scale + shift, inside)
    assert moved.tolist() == pytest.approx(likelihood_ratio(observed, shadows, inside).tolist(), rel=1e-6, abs=1e-6)


@given(st.integers(0, 1000))
def test_exchanging_in_and_out_turns_the_sign(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shadows, observed, inside = torch.randn(8, 4, generator=generator), torch.randn(4, generator=generator), halves(8, 4, seed)
    one, other = likelihood_ratio(observed, shadows, inside), likelihood_ratio(observed, shadows, ~inside)
    assert one.tolist() == pytest.approx((-other).tolist())


def test_an_example_that_every_shadow_model_saw_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 examples have no shadow model on one side"):
        likelihood_ratio(torch.zeros(2), torch.zeros(2, 2), torch.tensor([[True, True], [False, True]]))


def test_the_ratio_finds_members_where_the_example_matters_more_than_its_kind() -> None:
    """Confidence differs by 1 with membership and by 5 between examples: ranks of raw confidence drown, LiRA's do not."""
    generator = torch.Generator().manual_seed(3)
    kind, inside = 5 * torch.randn(200, generator=generator), halves(64, 200)
    shadows = kind + inside + 0.5 * torch.randn(64, 200, generator=generator)
    member = torch.arange(200) < 100
    observed = kind + member + 0.5 * torch.randn(200, generator=generator)
    score = likelihood_ratio(observed, shadows, inside)
    assert rank_auc(observed[member], observed[~member]) < 0.65
    assert rank_auc(score[member], score[~member]) > 0.9  # two normals 2 deviations apart: 0.921


def test_reference_probability_worked_by_hand() -> None:
    """In: 0.8 and 0.6, mean 0.7; out: 0.2 and 0.4, mean 0.3; both 0.5. Offline with a = 0: 0.3 / 2 + 1/2 = 0.65."""
    said, inside = column(0.8, 0.6, 0.2, 0.4).log(), column(True, True, False, False)
    assert reference_log_probability(said, inside).exp().item() == pytest.approx(0.5)
    assert reference_log_probability(said, inside, offline=0.0).exp().item() == pytest.approx(0.65)
    assert reference_log_probability(said, inside, offline=1.0).exp().item() == pytest.approx(0.3)


def test_probabilities_too_small_for_a_float_still_rank() -> None:
    """A masked class has log p = -10,000: p is 0, its log is not."""
    said, inside = column(-10_000.0, -10_002.0), column(True, False)
    assert reference_log_probability(said, inside).item() == pytest.approx(-10_000 + math.log((1 + math.exp(-2)) / 2))


@pytest.mark.parametrize(("gamma", "share"), [(1.0, 3 / 4), (2.0, 1 / 4), (0.25, 1.0)])
def test_relative_score_worked_by_hand(gamma: float, share: float) -> None:
    """Ratio 2 against 1/2, 1, 3/2 and 4: it is above 3, more than twice 1 (1/2 alone; twice 1 is a tie), and over 1/4 of all."""
    population = torch.tensor([0.5, 1.0, 1.5, 4.0], dtype=torch.float64).log()
    assert relative_score(torch.tensor([2.0], dtype=torch.float64).log(), population, gamma=gamma).item() == share


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_an_example_of_the_population_is_not_compared_with_itself(gamma: float) -> None:
    generator = torch.Generator().manual_seed(4)
    population = torch.randn(20, generator=generator, dtype=torch.float64)
    found = relative_score(population, population, gamma=gamma, own=torch.ones(20))
    for n in range(20):
        rest = torch.cat([population[:n], population[n + 1 :]])
        assert found[n].item() == pytest.approx(relative_score(population[n : n + 1], rest, gamma=gamma).item())


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=20), st.integers(0, 5))
def test_relative_score_never_falls_with_the_ratio(ratios: list[int], gamma: int) -> None:
    ordered = torch.tensor(sorted(ratios)).double() / 4
    score = relative_score(ordered, torch.randn(9, generator=torch.Generator().manual_seed(gamma)), gamma=1.0 + gamma)
    assert (score.diff() >= 0).all()
    assert ((score >= 0) & (score <= 1)).all()
