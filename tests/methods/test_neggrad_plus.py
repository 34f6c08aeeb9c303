"""NegGrad+: the weights of the two terms."""

from __future__ import annotations

import pytest

from lorasteer.methods.finetuning.neggrad_plus import NegGradPlus, NegGradPlusSettings
from tests.support.batches import batch


@pytest.mark.parametrize(("alpha", "expected"), [(0.5, -0.6931), (0.8, -0.1733)])
def test_forget_term_worked_by_hand(alpha: float, expected: float) -> None:
    """(1 - alpha) / alpha times log 1/2: -0.6931 at 1/2, a quarter of it at 4/5."""
    loss = NegGradPlus(NegGradPlusSettings(alpha=alpha)).loss(batch([[0.0, 0.0]], [0]))

    assert loss.item() == pytest.approx(expected, abs=1e-4)
