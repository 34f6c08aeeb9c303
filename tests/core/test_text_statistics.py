"""What is computed from log-probabilities of answer tokens, with numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.core.text_statistics import (
    bootstrap_interval,
    exact_memorisation,
    extraction_strength,
    forget_quality,
    harmonic_mean,
    lowest_mean,
    mean_per_example,
    privacy_leak,
    probability_among,
    standardised,
    truth_ratio_forgotten,
    truth_ratio_kept,
    truth_ratio_loss,
    truth_ratio_probability,
)

Lists = st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=6)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_probability_is_length_normalised() -> None:
    """Tokens of 1/2 and 1/8 have the geometric mean sqrt(1/16) = 1/4; one token of 1/3 is 1/3 itself."""
    found = mean_per_example(numbers(1 / 2, 1 / 8, 1 / 3).log(), torch.tensor([2, 1])).exp()
    assert found.tolist() == pytest.approx([1 / 4, 1 / 3])


def test_an_example_without_tokens_has_no_mean() -> None:
    found = mean_per_example(numbers(1.0), torch.tensor([0, 1]))
    assert math.isnan(found[0])
    assert found[1] == 1.0


def test_the_lowest_tokens_worked_by_hand() -> None:
    """40 % of 5 tokens are 2: (-9 - 3) / 2; of 2 tokens it would be none, so the lowest one stands."""
    scores = lowest_mean(numbers(-1, -9, -3, -2, 0, -5, -4), torch.tensor([5, 2]), share=0.4)
    assert scores.tolist() == [-6.0, -5.0]


def test_standardised_has_a_least_deviation() -> None:
    """A model that is sure has no deviation; it is taken as sqrt(1e-6)."""
    assert standardised(numbers(-0.001), numbers(0.0), numbers(0.0)).item() == pytest.approx(-1.0)


def test_memorised_words_are_counted_wherever_they_stand() -> None:
    assert exact_memorisation(torch.tensor([True, False, True, True]), torch.tensor([3, 1])).tolist() == pytest.approx([2 / 3, 1])


def test_extraction_counts_the_unbroken_end() -> None:
    """Right, wrong, right: 1/3. All right: 1. Wrong at last: 0, and not 1/T. No token right: 0."""
    right = torch.tensor([True, False, True, True, True, True, False, False, False])
    assert extraction_strength(right, torch.tensor([3, 2, 2, 2])).tolist() == pytest.approx([1 / 3, 1.0, 0.0, 0.0])


@given(Lists)
def test_extraction_is_the_definition_spelled_out(examples: list[list[bool]]) -> None:
    """1 - k / T with the smallest k from where on every token is right."""
    expected = [1 - min(k for k in range(len(e) + 1) if all(e[k:])) / len(e) for e in examples]
    flat = torch.tensor([token for example in examples for token in example])
    lengths = torch.tensor([len(example) for example in examples])
    assert extraction_strength(flat, lengths).tolist() == pytest.approx(expected)
    assert exact_memorisation(flat, lengths).tolist() == pytest.approx([sum(e) / len(e) for e in examples])


def test_the_two_truth_ratios_worked_by_hand() -> None:
    """Wrong answers of 0.1 and 0.4: geometric mean 0.2, arithmetic 0.25; the right one has 0.5. Second: 0.9 against 0.3."""
    right, wrong, counts = numbers(0.5, 0.3).log(), numbers(0.1, 0.4, 0.9).log(), torch.tensor([2, 1])
    assert truth_ratio_loss(right, wrong, counts).tolist() == pytest.approx([0.4, 3.0])
    assert truth_ratio_probability(right, wrong, counts).tolist() == pytest.approx([0.5, 3.0])


def test_a_truth_ratio_without_wrong_answers_is_no_number() -> None:
    for ratio in (truth_ratio_loss, truth_ratio_probability):
        assert math.isnan(ratio(numbers(-1.0), torch.empty(0), torch.tensor([0])).item())


def test_truth_ratios_are_read_in_two_ways() -> None:
    ratio = numbers(0.5, 1.0, 4.0)
    assert truth_ratio_forgotten(ratio).tolist() == [0.5, 1.0, 0.25]
    assert truth_ratio_kept(ratio).tolist() == [0.5, 0.0, 0.0]


def test_probability_among_candidates_worked_by_hand() -> None:
    """0.5 / (0.5 + 0.1 + 0.4); with no wrong answer 0.3 / 0.3."""
    found = probability_among(numbers(0.5, 0.3).log(), numbers(0.1, 0.4).log(), torch.tensor([2, 0]))
    assert found.tolist() == pytest.approx([0.5, 1.0])


def test_forget_quality_worked_by_hand() -> None:
    """Two and two, apart: of the 6 equally likely orders 2 are as far apart. The same sample: 1."""
    assert forget_quality(numbers(1, 2), numbers(3, 4)) == pytest.approx(1 / 3)
    assert forget_quality(numbers(1, 2, 3), numbers(1, 2, 3)) == 1.0


def test_forget_quality_of_hundreds_far_apart_is_tiny_but_a_number() -> None:
    """All 400 below all 400: 2 of (800 choose 400) orders, about 2 / 10^239."""
    found = forget_quality(torch.arange(400.0), torch.arange(1000.0, 1400.0))
    assert math.log(found) == pytest.approx(math.log(2) - math.lgamma(801) + 2 * math.lgamma(401))


def test_the_harmonic_mean_is_killed_by_one_zero() -> None:
    assert harmonic_mean([1.0, 1 / 2, 1 / 3]) == pytest.approx(3 / (1 + 2 + 3))
    assert harmonic_mean([0.9, 0.0]) == 0.0
    with pytest.raises(ValueError, match="no numbers"):
        harmonic_mean([])


def test_privacy_leak_is_signed() -> None:
    """A = 1 - auc: remembered 0.1 beside 0.4: (0.1 - 0.4) / 0.4 = -75 %; over-forgotten 0.8: +100 %; alike: 0."""
    assert [privacy_leak(auc, 0.6) for auc in (0.9, 0.2, 0.6)] == pytest.approx([-75.0, 100.0, 0.0])
    with pytest.raises(ValueError, match="before any unlearning"):
        privacy_leak(0.5, 1.0)


def test_the_interval_holds_the_mean_and_narrows_with_more_examples() -> None:
    """The standard error of n uniform numbers is 1 / sqrt(12 n): the interval is about 3.92 times as wide."""
    generator = torch.Generator().manual_seed(0)
    for n in (100, 2500):
        values = torch.rand(n, generator=generator)
        low, high = bootstrap_interval(values)
        assert low < values.mean() < high
        assert high - low == pytest.approx(3.92 / math.sqrt(12 * n), rel=0.15)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval(values, seed=1) != (low, high)
