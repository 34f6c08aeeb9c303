"""Losses against numbers worked by hand, the closed form of the hinge's gradient, and their bounds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor

from lorasteer.core.losses import (
    check_margin,
    cross_entropy,
    inverted_hinge,
    kl_to_reference,
    masked_kl,
    negated_cross_entropy,
    one_hot,
)
from lorasteer.errors import PlanError
from tests.support.errors import refuses

PER_EXAMPLE = [inverted_hinge, negated_cross_entropy, cross_entropy]


@st.composite
def answers(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Logits in float64, from flat to very sure, and a label for each row."""
    n, classes, seed = draw(st.integers(1, 6)), draw(st.integers(2, 12)), draw(st.integers(0, 10**6))
    scale = draw(st.sampled_from([0.0, 1e-2, 1.0, 10.0, 100.0]))
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, classes, (n,), generator=generator)


def gradient(loss: Tensor, at: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss.sum(), at)
    return found


def test_inverted_hinge_worked_by_hand() -> None:
    """P = (.7, .2, .1), label 0: m + .7 - .2. p = (.1, .6, .3), label 0: m + .1 - .6, below 0 for m < .5, so the hinge closes."""
    logits, labels = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]).log(), torch.tensor([0, 0])
    assert inverted_hinge(logits, labels).tolist() == pytest.approx([1.5, 0.5])
    assert inverted_hinge(logits, labels, margin=0.4).tolist() == pytest.approx([0.9, 0.0])


def test_the_rival_is_the_strongest_other_class_wherever_the_label_is() -> None:
    """P = (.5, .3, .2): label 1 gives 1 + .3 - .5 = .8, label 2 gives 1 + .2 - .5 = .7."""
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().repeat(2, 1)
    assert inverted_hinge(logits, torch.tensor([1, 2])).tolist() == pytest.approx([0.8, 0.7])


@given(answers(), st.sampled_from([0.1, 0.5, 1.0]))
def test_gradient_of_the_inverted_hinge_is_its_closed_form(answer: tuple[Tensor, Tensor], margin: float) -> None:
    """With rival v: p_y (1 - p_y + p_v) for the label, -p_v (1 + p_y - p_v) for the rival, p_j (p_v - p_y) for the others."""
    logits, labels = answer
    logits.requires_grad_()
    loss = inverted_hinge(logits, labels, margin=margin)
    p, own = logits.detach().softmax(-1), one_hot(labels, logits.shape[1])
    p_y, (p_v, rival) = p[own][:, None], (value[:, None] for value in p.masked_fill(own, -1).max(-1))
    wanted = (p * (p_v - p_y)).scatter(1, rival, -p_v * (1 + p_y - p_v)).scatter(1, labels[:, None], p_y * (1 - p_y + p_v))
    tie = (p.masked_fill(own, -1) == p_v).sum(-1) > 1  # the strongest rival is then not one class
    decided = (~tie) & ((margin + p_y - p_v).squeeze(1).abs() > 1e-12)
    open_hinge = (loss > 0).double()[:, None]
    torch.testing.assert_close(gradient(loss, logits)[decided], (open_hinge * wanted)[decided], rtol=1e-9, atol=1e-12)


@given(answers(), st.floats(0.01, 1.0))
def test_the_inverted_hinge_and_its_gradient_are_bounded(answer: tuple[Tensor, Tensor], margin: float) -> None:
    """|p_y (1 - p_y + p_v)| <= p_y (2 - 2 p_y) <= 1/2 for the label; no component of the others is larger in size than 1/2."""
    logits, labels = answer
    logits.requires_grad_()
    loss = inverted_hinge(logits, labels, margin=margin)
    assert ((loss >= 0) & (loss <= margin + 1)).all()
    slope = gradient(loss, logits)
    assert slope.abs().max() <= 0.5 + 1e-12
    assert slope.sum(-1).abs().max() < 1e-12  # a constant added to all logits changes nothing


def test_negated_cross_entropy_has_no_bound_and_a_gradient_that_does_not_fade() -> None:
    """At p_y = e^-50 the loss is -50 and the label's own gradient 1 - p_y = 1: it goes on pushing what is gone already."""
    logits = torch.tensor([[-50.0, 0.0]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0])
    loss = negated_cross_entropy(logits, label)
    assert loss.item() == pytest.approx(-50)
    assert gradient(loss, logits)[0, 0].item() == pytest.approx(1)
    assert gradient(inverted_hinge(logits, label), logits).abs().max().item() < 1e-20


@pytest.mark.parametrize("margin", [0.0, -0.5, 1.0001, 2.0, math.nan])
def test_a_margin_outside_0_to_1_is_refused_with_the_reason(margin: float) -> None:
    with refuses(PlanError, f"margin {margin}", "(0, 1]", "nothing changes", "Choose 0 < margin <= 1"):
        inverted_hinge(torch.zeros(1, 2), torch.tensor([0]), margin=margin)


def test_margins_of_1_and_2_would_have_the_same_gradient() -> None:
    """The reason for the refusal: p_y - p_v >= -1, so m + p_y - p_v >= 0 for every m >= 1 and m only adds a constant."""
    logits = torch.randn(50, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).mul(9).requires_grad_()
    labels = torch.arange(50) % 5
    p, own = logits.softmax(-1), one_hot(labels, 5)
    unchecked = (2 + p[own] - p.masked_fill(own, -1).amax(-1)).relu()
    assert gradient(unchecked, logits).equal(gradient(inverted_hinge(logits, labels, margin=1.0), logits))
    assert check_margin(1.0) == 1.0


def test_cross_entropy_worked_by_hand() -> None:
    """P = (3/4, 1/4): -ln 3/4 for label 0, -ln 1/4 = 2 ln 2 for label 1."""
    logits = torch.tensor([[0.75, 0.25]]).log().repeat(2, 1)
    labels = torch.tensor([0, 1])
    assert cross_entropy(logits, labels).tolist() == pytest.approx([math.log(4 / 3), 2 * math.log(2)])
    assert negated_cross_entropy(logits, labels).tolist() == pytest.approx([-math.log(4 / 3), -2 * math.log(2)])


def test_kl_to_reference_worked_by_hand() -> None:
    """Reference (3/4, 1/4), model (1/2, 1/2): 3/4 ln 3/2 + 1/4 ln 1/2. A reference of (1, 0) leaves ln 2."""
    even = torch.zeros(1, 2)
    reference = torch.tensor([[0.75, 0.25]]).log()
    assert kl_to_reference(even, reference).item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert kl_to_reference(even, torch.tensor([[0.0, -math.inf]])).item() == pytest.approx(math.log(2))


def test_masked_kl_worked_by_hand() -> None:
    """Reference (1/2, 1/3, 1/6) without class 0 is (0, 2/3, 1/3). Model (1/2, 1/4, 1/4): 2/3 ln 8/3 + 1/3 ln 4/3."""
    reference, model = torch.tensor([[1 / 2, 1 / 3, 1 / 6]]).log(), torch.tensor([[0.5, 0.25, 0.25]]).log()
    wanted = 2 / 3 * math.log(8 / 3) + 1 / 3 * math.log(4 / 3)
    assert masked_kl(model, torch.tensor([0]), reference).item() == pytest.approx(wanted)


@given(answers())
def test_masked_kl_is_zero_once_the_model_says_the_rest(answer: tuple[Tensor, Tensor]) -> None:
    reference, labels = answer
    reached = reference.masked_fill(one_hot(labels, reference.shape[1]), -1e4)
    assert masked_kl(reached, labels, reference).abs().max() < 1e-9


@given(answers(), st.integers(0, 10**6))
def test_both_divergences_are_never_negative_and_give_finite_gradients(answer: tuple[Tensor, Tensor], seed: int) -> None:
    reference, labels = answer
    logits = torch.randn(reference.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()
    for loss in (kl_to_reference(logits, reference), masked_kl(logits, labels, reference)):
        assert (loss >= -1e-12).all()
        assert gradient(loss, logits).isfinite().all()
    assert kl_to_reference(reference, reference).abs().max() == 0


@pytest.mark.parametrize("loss", PER_EXAMPLE, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize(
    ("logits", "labels"),
    [(torch.zeros(3), torch.zeros(3, dtype=torch.long)), (torch.zeros(3, 2), torch.zeros(2, dtype=torch.long)),
     (torch.zeros(3, 2), torch.zeros(3)), (torch.zeros(3, 2, dtype=torch.long), torch.zeros(3, dtype=torch.long))],
    ids=["logits without classes", "fewer labels than rows", "labels that are not whole", "logits that are whole"],
)  # fmt: skip
def test_other_shapes_and_types_are_refused(loss: object, logits: Tensor, labels: Tensor) -> None:
    with pytest.raises(TypeCheckError):
        loss(logits, labels)
