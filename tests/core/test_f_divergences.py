"""FLAT's eight losses: values by hand, the sides they pull to, and the conjugates they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.core.f_divergences import DIVERGENCES, Divergence, flat

E = math.e
BY_HAND: dict[Divergence, float] = {
    # at a = 1 and b = 0
    "total-variation": -math.tanh(1) / 2,
    "kl": -1 + 1 / E,
    "jensen-shannon": -(math.log(2) - math.log(1 + 1 / E)),
    "pearson": -1.0,
    "jeffrey": -1.0,
    "reverse-kl": 1 / E - 1,
    "squared-hellinger": 1 / E - 1,
    "neyman": 1 / E - 1,
}
G: dict[Divergence, Callable[[float], float]] = {
    "total-variation": lambda v: math.tanh(v) / 2,
    "kl": lambda v: v,
    "jensen-shannon": lambda v: math.log(2) - math.log(1 + math.exp(-v)),
    "pearson": lambda v: v,
    "reverse-kl": lambda v: -math.exp(-v),
    "squared-hellinger": lambda v: 1 - math.exp(-v),
    "neyman": lambda v: 1 - math.exp(-v),
}
F: dict[Divergence, Callable[[np.ndarray], np.ndarray]] = {
    "total-variation": lambda t: np.abs(t - 1) / 2,
    "kl": lambda t: t * np.log(t),
    "jensen-shannon": lambda t: -(t + 1) * np.log((1 + t) / 2) + t * np.log(t),
    "pearson": lambda t: (t - 1) ** 2,
    "reverse-kl": lambda t: -np.log(t),
    "squared-hellinger": lambda t: (np.sqrt(t) - 1) ** 2,
    "neyman": lambda t: (1 - t) ** 2 / t,
}


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_worked_by_hand(name: Divergence) -> None:
    assert flat(name, numbers(1.0), numbers(0.0)).item() == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", DIVERGENCES)
@given(a=st.floats(0, 1), b=st.floats(0, 1))
def test_the_answer_to_give_is_raised_and_the_answer_to_forget_lowered(name: Divergence, a: float, b: float) -> None:
    """To minimise the loss raises a where dL/da < 0, and lowers b where dL/db > 0, for all probabilities."""
    wanted, forgotten = numbers(a), numbers(b)
    in_wanted, in_forgotten = torch.autograd.grad(flat(name, wanted, forgotten).sum(), [wanted, forgotten])
    assert in_wanted.item() < 0 < in_forgotten.item()


@pytest.mark.parametrize("name", sorted(G))
@pytest.mark.parametrize(("a", "b"), [(0.0, 0.3), (0.4, 0.9)])
def test_the_loss_is_minus_g_plus_the_conjugate_of_f(name: Divergence, a: float, b: float) -> None:
    """f*(u) = sup_t (u t - f(t)), found on a fine grid; Jeffrey's is a truncated series and left out."""
    t = np.exp(np.linspace(-12, 8, 400_001))
    conjugate = float(np.max(G[name](b) * t - F[name](t)))
    assert flat(name, numbers(a), numbers(b)).item() == pytest.approx(-G[name](a) + conjugate, abs=1e-4)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_what_the_other_way_round_costs_more(name: Divergence) -> None:
    there, back = flat(name, numbers(1.0), numbers(0.0)), flat(name, numbers(0.0), numbers(1.0))
    assert there.item() < back.item()
