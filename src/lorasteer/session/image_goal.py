"""What a goal is measured by on an image classifier."""

from __future__ import annotations

from torch import Tensor

from lorasteer.core.divergences import kl_divergence
from lorasteer.evaluation import METRICS, Context
from lorasteer.session.goal import Distance
from lorasteer.session.judging import Measures

ACCURACIES = Measures(
    METRICS, "accuracy", forget=("forget-test-accuracy", "forget-accuracy"), direction="direction-accuracy",
    retain="retain-test-accuracy", rest="target-rest-accuracy",
)  # fmt: skip
"""Accuracies, on test examples where there are any."""


def divergence(context: Context) -> Distance:
    """How far the model is from what breaks ties, in nats, and from what that is."""
    if context.retrained:
        return _divergence(context.reference.forget.logits, context.outputs.forget.logits), "the retrained model"
    assert context.base is not None
    return _divergence(context.base.retain_test.logits, context.outputs.retain_test.logits), "the base"


def _divergence(true: Tensor, said: Tensor) -> float:
    return kl_divergence(true, said).mean().item() if len(true) else 0.0
