"""FLAT: probabilities of two answers, averaged over answer tokens, in eight divergences."""

from __future__ import annotations

import math

import pytest
import torch

from lorasteer.core.f_divergences import DIVERGENCES
from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.preference.flat import Flat, FlatSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """Forgotten: P = 1/4 and 3/4, mean 1/2; wanted: 1. Total variation: -tanh(1) / 2 + tanh(1/2) / 2."""
    given = tokens([[0.25, 0.75], [0.75, 0.25]], [0, 0], [0, 0], alternative=tokens([[1.0, 0.0]], [0]))
    assert Flat(FlatSettings()).token_loss(given).tolist() == pytest.approx([(math.tanh(0.5) - math.tanh(1)) / 2])


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_each_divergence_raises_the_other_answer_and_lowers_the_forget_answer(divergence: str) -> None:
    other, given = tokens([[0.25, 0.75]], [0]), tokens([[0.75, 0.25]], [0])
    for batch in (other, given):
        batch.hidden.requires_grad_()
    object.__setattr__(given, "alternative", other)
    Flat(FlatSettings.model_validate({"divergence": divergence})).token_loss(given).sum().backward()
    assert other.hidden.grad is not None
    assert given.hidden.grad is not None
    # a step against the gradient makes the other answer's token likelier, and the forget answer's less likely
    assert other.hidden.grad[0, 0] < 0 < given.hidden.grad[0, 0]


def test_nothing_is_retained_and_no_base_is_asked() -> None:
    """The loss is the same whatever the base says, and the settings ask for no retained example."""
    settings = settings_of("flat", {}, task="language")
    assert (settings.retain, settings.anchor) == (0, "none")
    said, other = [[0.5, 0.5]], tokens([[1.0, 0.0]], [0])
    one, two = (tokens(said, [0], reference=base, alternative=other) for base in ([[0.1, 0.9]], [[0.9, 0.1]]))
    assert torch.equal(Flat(settings).token_loss(one), Flat(settings).token_loss(two))


def test_an_unknown_divergence_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'flat': divergence"):
        settings_of("flat", {"divergence": "hinge"}, task="language")
