"""Losses on answers against numbers worked by hand, the sides they pull to, and how their gradients fade."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor

from lorasteer.core.losses import inverted_hinge
from lorasteer.core.token_losses import (
    dpo,
    inverted_hinge_tokens,
    misdirection,
    npo,
    satimp,
    simnpo,
    steering_vector,
    wga,
)
from lorasteer.core.tokens import token_statistics
from lorasteer.errors import PlanError
from tests.support.errors import refuses


def of(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def slope(loss: Tensor, at: Tensor) -> float:
    (found,) = torch.autograd.grad(loss.sum(), at, retain_graph=True)
    return found.item()


def test_inverted_hinge_worked_by_hand() -> None:
    """P = .7 beside a rival of .2: m + .5. P = .1 beside .6: m - .5, closed for m = .4."""
    p, rival = of(0.7, 0.1).log(), of(0.2, 0.6).log()
    assert inverted_hinge_tokens(p, rival).tolist() == pytest.approx([1.5, 0.5])
    assert inverted_hinge_tokens(p, rival, margin=0.4).tolist() == pytest.approx([0.9, 0.0])
    with refuses(PlanError, "margin 1.5", "nothing changes"):
        inverted_hinge_tokens(p, rival, margin=1.5)


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.5, 1.0]))
def test_inverted_hinge_of_tokens_is_that_of_classes(seed: int, margin: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    weight, labels = torch.randn(9, 3, generator=generator, dtype=torch.float64), torch.randint(0, 9, (4,), generator=generator)
    told = token_statistics(hidden, weight, None, labels, chunk=64)
    ours = inverted_hinge_tokens(told.log_prob, told.rival_log_prob, margin=margin)
    plain = inverted_hinge(hidden @ weight.T, labels, margin=margin)
    torch.testing.assert_close(ours, plain)
    found = [torch.autograd.grad(loss.sum(), hidden)[0] for loss in (ours, plain)]
    torch.testing.assert_close(*found)


def test_npo_worked_by_hand() -> None:
    """NLL 5 against NLL0 3, beta 1/2: -4 log sigmoid(1) = 4 ln(1 + 1/e)."""
    loss = npo(of(-5.0), of(-3.0), beta=0.5)
    assert loss.item() == pytest.approx(4 * math.log(1 + math.exp(-1)))


@pytest.mark.parametrize(
    ("beta", "ratio", "weight"), [(0.1, -5.0, 0.755), (0.1, -20.0, 0.24), (1.0, -5.0, 0.013), (1.0, 0.0, 1.0)]
)
def test_the_gradient_of_npo_is_that_of_ascent_times_a_weight_that_fades(beta: float, ratio: float, weight: float) -> None:
    """2 sigmoid(beta * log-ratio): .755 at beta .1 and ratio -5, and so on."""
    now = of(ratio - 3)
    assert slope(npo(now, of(-3.0), beta=beta), now) == pytest.approx(weight, abs=5e-3)


def test_simnpo_worked_by_hand() -> None:
    """NLL 2 a token, delta 1, beta 1/2: -4 log sigmoid(1/2)."""
    now = of(-2.0)
    loss = simnpo(now, beta=0.5, delta=1.0)
    assert loss.item() == pytest.approx(4 * math.log(1 + math.exp(-0.5)))
    assert slope(loss, now) > 0  # less likely is better


def test_dpo_worked_by_hand() -> None:
    """The wanted answer gained 1, the forgotten lost 2, beta 1/3: -6 log sigmoid(1)."""
    wanted, forgotten = of(-4.0), of(-5.0)
    loss = dpo(wanted, of(-5.0), forgotten, of(-3.0), beta=1 / 3)
    assert loss.item() == pytest.approx(6 * math.log(1 + math.exp(-1)))
    assert slope(loss, wanted) < 0 < slope(loss, forgotten)
    assert slope(loss, wanted) == pytest.approx(-slope(loss, forgotten))


def test_wga_worked_by_hand_and_its_weight_is_constant() -> None:
    """P = 1/4, beta 1/2: sqrt(1/4) ln 1/4 = -ln 2; the gradient is the weight alone."""
    now = torch.tensor([0.25], dtype=torch.float64).log().requires_grad_()
    loss = wga(now, beta=0.5)
    assert loss.item() == pytest.approx(-math.log(2))
    assert slope(loss, now) == pytest.approx(0.5)
    assert slope(wga(now, beta=0.0), now) == 1.0


def test_satimp_worked_by_hand_and_its_weight_is_constant() -> None:
    """P = 1/4, powers 1/2 and 1: 1/2 * 3/4 ln 1/4 = -3/4 ln 2."""
    now = torch.tensor([0.25], dtype=torch.float64).log().requires_grad_()
    loss = satimp(now, beta1=0.5, beta2=1.0)
    assert loss.item() == pytest.approx(-0.75 * math.log(2))
    assert slope(loss, now) == pytest.approx(0.375)


def test_satimp_leaves_what_is_certain_and_what_is_gone() -> None:
    sure, gone = of(0.0), of(-80.0)
    assert slope(satimp(sure, beta1=5.0, beta2=1.0), sure) == 0.0
    assert slope(satimp(gone, beta1=5.0, beta2=1.0), gone) == pytest.approx(0.0, abs=1e-30)


def test_misdirection_worked_by_hand() -> None:
    """(1, 2) and (3, 0) from (1, 0): (0 + 4) / 2 and (4 + 0) / 2; from their own places: 0."""
    hidden = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert misdirection(hidden, torch.tensor([[1.0, 0.0]])).tolist() == [2.0, 2.0]
    assert misdirection(hidden, hidden).tolist() == [0.0, 0.0]


def test_the_steering_vector_is_fixed_by_its_seed_and_has_the_length_asked_for() -> None:
    one, again, other = (steering_vector(64, seed=seed, scale=6.5) for seed in (0, 0, 1))
    assert one.equal(again)
    assert not one.equal(other)
    assert one.norm().item() == pytest.approx(6.5, rel=1e-5)
    assert (one >= 0).all()  # uniform numbers in [0, 1)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(TypeCheckError):
        npo(torch.zeros(3), torch.zeros(2), beta=1.0)
    with pytest.raises(TypeCheckError):
        misdirection(torch.zeros(3, 2), torch.zeros(1, 3))
