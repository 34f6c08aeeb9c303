"""Divergences against numbers worked by hand, and the two mistakes that are often made."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lorasteer.core.divergences import js_divergence, kl_divergence

SURE = torch.tensor([[99.0, 0.0]])
EVEN = torch.tensor([[0.0, 0.0]])


@st.composite
def logit_pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    n, classes, seed = draw(st.integers(1, 5)), draw(st.integers(1, 12)), draw(st.integers(0, 10**6))
    scale = draw(st.sampled_from([0.0, 1e-3, 1.0, 50.0, 1e4]))
    generator = torch.Generator().manual_seed(seed)
    first, second = scale * torch.randn(2, n, classes, generator=generator)
    return first, second


def test_kl_worked_by_hand() -> None:
    """For (1/2, 1/2) and (3/4, 1/4): 1/2 ln(2/3) + 1/2 ln 2 = 1/2 ln(4/3); the other way 3/4 ln(3/2) + 1/4 ln(1/2)."""
    p, q = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]]).log()
    assert kl_divergence(p, q).item() == pytest.approx(math.log(4 / 3) / 2)
    assert kl_divergence(q, p).item() == pytest.approx(0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2))


def test_js_worked_by_hand() -> None:
    """For (1, 0) and (1/2, 1/2), m = (3/4, 1/4): 1/2 ln(4/3) + 1/2 (1/2 ln(2/3) + 1/2 ln 2) = 0.14384 + 0.07192 = 0.21576."""
    assert js_divergence(SURE, EVEN).item() == pytest.approx(0.21576, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("n", [1, 1000])
def test_total_disagreement_is_ln_2_for_any_number_of_classes_and_examples(classes: int, n: int) -> None:
    """All mass on class 0 against all mass on class 1: m has 1/2 on each, so both halves are ln 2."""
    p, q = torch.zeros(n, classes), torch.zeros(n, classes)
    p[:, 0], q[:, 1] = 1e3, 1e3
    assert js_divergence(p, q).mean().item() == pytest.approx(math.log(2))


def test_a_masked_logit_gives_a_large_but_finite_divergence() -> None:
    """One gives class 1 the logit -10000, the other half: KL = 1/2 ln(1/2) + 1/2 (ln(1/2) + 10000) = 5000 - ln 2."""
    masked = torch.tensor([[0.0, -1e4]])
    assert kl_divergence(EVEN, masked).item() == pytest.approx(5000 - math.log(2))
    assert kl_divergence(masked, EVEN).item() == pytest.approx(math.log(2))


@given(logit_pairs())
def test_kl_is_never_negative_and_zero_between_equals(pair: tuple[Tensor, Tensor]) -> None:
    p, q = pair
    assert (kl_divergence(p, q) >= 0).all()
    assert kl_divergence(p, p).abs().max() == 0


@given(logit_pairs())
def test_js_is_symmetric_and_bounded_by_ln_2(pair: tuple[Tensor, Tensor]) -> None:
    p, q = pair
    both = js_divergence(p, q)
    torch.testing.assert_close(both, js_divergence(q, p), rtol=0, atol=1e-12)
    assert ((both >= 0) & (both <= math.log(2))).all()


@given(logit_pairs(), st.integers(2, 20))
def test_the_mean_does_not_depend_on_how_often_the_examples_are_repeated(pair: tuple[Tensor, Tensor], times: int) -> None:
    p, q = pair
    for divergence in (kl_divergence, js_divergence):
        once, often = divergence(p, q).mean(), divergence(p.repeat(times, 1), q.repeat(times, 1)).mean()
        torch.testing.assert_close(once, often)


@given(logit_pairs(), st.floats(-100, 100))
def test_adding_a_constant_to_all_logits_changes_nothing(pair: tuple[Tensor, Tensor], shift: float) -> None:
    p, q = (logits.double() for logits in pair)
    torch.testing.assert_close(js_divergence(p + shift, q), js_divergence(p, q), rtol=1e-6, atol=1e-9)
