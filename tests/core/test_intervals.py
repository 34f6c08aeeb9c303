"""Intervals of rates, the ROC curve, and what a sample cannot support: by hand, against SciPy and scikit-learn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import auc

from lorasteer.core.intervals import auc_interval, clopper_pearson, negatives_needed, roc_points, true_positive_rate
from lorasteer.core.statistics import rank_auc

few_scores = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=30)  # few values, so that there are ties


def test_limits_of_none_and_of_all_are_closed_forms() -> None:
    """None of 10 is seen with chance 2.5 % at a share of 1 - 0.025^(1/10) = 0.3085; all of 10 mirrors it."""
    none, every = clopper_pearson(0, 10), clopper_pearson(10, 10)
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(1 - 0.025**0.1))
    assert (every.value, every.low, every.high) == (1, pytest.approx(0.025**0.1), 1)


@settings(max_examples=50)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_limits_agree_with_scipy(count: tuple[int, int], level: float) -> None:
    hits, n = count
    wanted = binomtest(hits, n).proportion_ci(level, method="exact")
    found = clopper_pearson(hits, n, level=level)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_large_counts_keep_their_limits() -> None:
    wanted = binomtest(60, 60_000).proportion_ci(0.95, method="exact")
    assert clopper_pearson(60, 60_000)[1:3] == pytest.approx((wanted.low, wanted.high), rel=1e-6)


@pytest.mark.parametrize(("hits", "n"), [(1, 0), (-1, 3), (4, 3)])
def test_a_count_that_cannot_be_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"got {hits} of {n}"):
        clopper_pearson(hits, n)


def test_true_positive_rate_worked_by_hand() -> None:
    """Of 100 others, scored 1 … 100, a rate of 1 % lets one be called a member: the threshold is 99, and 99.5 is above it."""
    others = torch.arange(1.0, 101.0)
    rate = true_positive_rate(torch.tensor([99.5, 99.0, 98.0, 100.0]), others, 0.01)
    assert (rate.value, rate.hits, rate.n) == (0.5, 2, 4)
    assert (rate.low, rate.high) == pytest.approx(tuple(binomtest(2, 4).proportion_ci(0.95, method="exact")), abs=1e-9)


def test_a_rate_that_the_sample_cannot_show_is_refused() -> None:
    """One false alarm among 999 is more than 0.1 %."""
    assert (negatives_needed(0.01), negatives_needed(0.001)) == (100, 1000)
    true_positive_rate(torch.ones(3), torch.zeros(1000), 0.001)
    with pytest.raises(ValueError, match=r"a false-positive rate of 0\.001 needs 1000 non-members, got 999"):
        true_positive_rate(torch.ones(3), torch.zeros(999), 0.001)


@settings(max_examples=30)
@given(few_scores, st.integers(0, 100), st.sampled_from([0.01, 0.05, 0.1]))
def test_no_more_false_alarms_than_allowed(members: list[float], seed: int, at: float) -> None:
    """Ties at the threshold count against the attack: the others with their own threshold never exceed the rate."""
    others = torch.randint(-3, 4, (150,), generator=torch.Generator().manual_seed(seed)).double()
    assert true_positive_rate(others, others, at).value <= at
    found = true_positive_rate(torch.tensor(members).double(), others, at)
    assert found.value <= true_positive_rate(torch.tensor(members).double(), others, 0.2).value


def test_roc_worked_by_hand() -> None:
    """From the top: 3 is a member; 2 is one of each; 1 is another."""
    false, true = roc_points(torch.tensor([3.0, 2.0]), torch.tensor([2.0, 1.0]))
    assert (false.tolist(), true.tolist()) == ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])


@given(few_scores, few_scores)
def test_the_area_under_the_curve_is_that_of_the_ranks(members: list[float], others: list[float]) -> None:
    one, other = torch.tensor(members), torch.tensor(others)
    false, true = roc_points(one, other)
    assert auc(false.numpy(), true.numpy()) == pytest.approx(rank_auc(one, other))
    area, low, high = auc_interval(one, other)
    assert 0 <= low <= area <= high <= 1


def test_separated_sides_do_not_make_an_area_certain() -> None:
    """Five against seven, all in order: the lower limit is that of 5 successes of 5, 0.025^(1/5) = 0.478."""
    area, low, high = auc_interval(torch.arange(5.0) + 10, torch.arange(7.0))
    assert (area, low, high) == (1, pytest.approx(0.025**0.2), 1)
    area, low, high = auc_interval(torch.arange(7.0), torch.arange(5.0) + 10)
    assert (area, low, high) == (0, 0, pytest.approx(1 - 0.025**0.2))


def test_the_interval_of_the_area_covers_chance_as_often_as_it_says() -> None:
    """400 draws in which scores say nothing: one half lies outside a 95 % interval in 3 … 8 % of them."""
    generator = torch.Generator().manual_seed(5)
    missed = 0
    for _ in range(400):
        _, low, high = auc_interval(torch.randn(80, generator=generator), torch.randn(60, generator=generator))
        missed += not low <= 0.5 <= high
    assert 12 <= missed <= 32


def test_one_example_has_no_interval() -> None:
    with pytest.raises(ValueError, match="got 1 and 3"):
        auc_interval(torch.zeros(1), torch.zeros(3))
