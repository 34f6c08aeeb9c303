"""Self-distillation towards the base's prediction with the right token made less likely."""

from __future__ import annotations

import math

import pytest
import torch

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of
from lorasteer.methods.distillation.undial import Undial, UndialSettings
from tests.support.batches import tokens


def test_loss_worked_by_hand() -> None:
    """Base (1/2, 1/3, 1/6) less ln 3 at word 0 is (1/4, 1/2, 1/4); the model says (1/2, 1/4, 1/4): 7/4 ln 2."""
    given = tokens([[0.5, 0.25, 0.25]], [0], reference=[[1 / 2, 1 / 3, 1 / 6]])
    method = Undial(UndialSettings(penalty=math.log(3)))
    assert method.token_loss(given).tolist() == pytest.approx([1.75 * math.log(2)])


def test_the_gradient_vanishes_at_the_target() -> None:
    given = tokens([[0.25, 0.5, 0.25]], [0], reference=[[1 / 2, 1 / 3, 1 / 6]])
    given.hidden.requires_grad_()
    Undial(UndialSettings(penalty=math.log(3))).token_loss(given).sum().backward()
    assert given.hidden.grad is not None
    torch.testing.assert_close(given.hidden.grad, torch.zeros(1, 3), rtol=0, atol=1e-6)


def test_a_penalty_of_0_is_refused() -> None:
    with pytest.raises(PlanError, match="setting of 'undial': penalty"):
        settings_of("undial", {"penalty": 0}, task="language")
