"""Forgetting along a direction: what went on its examples, and what on the rest of the target.

Each is measured on the test half of the target, or on the forget set where that half is empty. Weights between 0 and 1 count
an example partly as the direction's and partly as the rest's.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.outputs import Context, Outputs, Predictions

Weights = Float[Tensor, " n"]


@METRICS.add(
    "direction-accuracy",
    unit="share",
    better="near-retrained",
    group="direction",
    low=0.0,
    high=1.0,
    needs=frozenset({"direction"}),
    order=50,
)
def direction_accuracy(context: Context) -> Reading:
    """Accuracy on the direction's examples."""
    return _on_direction(context, context.outputs)


@METRICS.add(
    "target-rest-accuracy",
    unit="share",
    better="higher",
    group="direction",
    low=0.0,
    high=1.0,
    needs=frozenset({"direction"}),
    order=51,
)
def target_rest_accuracy(context: Context) -> Reading:
    """Accuracy on the target's examples outside the direction, which are to stay."""
    return _on_rest(context, context.outputs)


@METRICS.add(
    "selectivity",
    unit="share",
    better="higher",
    group="direction",
    low=-2.0,
    high=2.0,
    needs=frozenset({"base", "direction"}),
    order=52,
)
def selectivity(context: Context) -> Reading:
    """Accuracy drop from the base on the direction's examples minus the drop on the rest of the target.

    1: everything along the direction went and nothing beside it; 0: both suffered alike; below 0: the wrong half went.
    Beyond 1 only where the rest got better than in the base.
    """
    assert context.base is not None  # the stated need
    drops = []
    for accuracy in (_on_direction, _on_rest):
        then, now = accuracy(context, context.base), accuracy(context, context.outputs)
        if then.value is None or now.value is None:
            return now
        drops.append(then.value - now.value)
    part, weights = _half(context)
    return Reading(drops[0] - drops[1], len(weights), f"on {part}")


def _on_direction(context: Context, model: Outputs) -> Reading:
    part, weights = _half(context)
    return _weighted_accuracy(model.parts()[part], weights, f"no example of the direction in {part}", f"on {part}")


def _on_rest(context: Context, model: Outputs) -> Reading:
    part, weights = _half(context)
    return _weighted_accuracy(model.parts()[part], 1 - weights, f"no example outside the direction in {part}", f"on {part}")


def _half(context: Context) -> tuple[str, Weights]:
    """The half of the target that is measured, and the direction weights of its examples, as the measured model states them."""
    outputs = context.outputs
    if outputs.selected_test is not None and len(outputs.forget_test):
        return "forget_test", outputs.selected_test.double()
    assert outputs.selected is not None  # the stated need: a direction gives weights to one half at least
    return "forget", outputs.selected.double()


def _weighted_accuracy(said: Predictions, weights: Weights, when_empty: str, note: str) -> Reading:
    total = float(weights.sum())
    if total <= 0:
        return Reading(None, 0, when_empty)
    return Reading(float((weights * said.correct).sum()) / total, int((weights > 0).sum()), note)
