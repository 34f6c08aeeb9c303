"""The masked answer of the base as target."""

from __future__ import annotations

import pytest

from lorasteer.methods.distillation.lora_masked_kl import MaskedKl, MaskedKlSettings
from tests.support.batches import batch


def test_loss_worked_by_hand() -> None:
    """Base (2, 0, 0), label 0: target (0, 1/2, 1/2); an even answer is ln 3 - ln 2 = 0.4055 away."""
    given = batch([[0.0, 0.0, 0.0]], [0], reference=[[2.0, 0.0, 0.0]])

    assert MaskedKl(MaskedKlSettings()).loss(given).item() == pytest.approx(0.4055, abs=1e-4)


def test_loss_vanishes_at_its_target() -> None:
    given = batch([[-60.0, 1.0, 3.0]], [0], reference=[[9.0, 1.0, 3.0]])

    assert MaskedKl(MaskedKlSettings()).loss(given).item() == pytest.approx(0.0, abs=1e-6)
