"""What the unlearning cost. Nothing here looks at the logits."""

from __future__ import annotations

from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.outputs import Context


def _stated(value: float | None, context: Context) -> Reading:
    if value is None:
        return Reading(None, 0, "not stated: nothing was unlearned, or it was not timed")
    return Reading(float(value), len(context.outputs.forget))


@METRICS.add("seconds", unit="seconds", better="lower", group="cost", low=0.0, order=60)
def seconds(context: Context) -> Reading:
    """Wall time of unlearning alone, without loading and evaluation."""
    return _stated(context.outputs.seconds, context)


@METRICS.add("prefix-seconds", unit="seconds", better="lower", group="cost", low=0.0, order=61)
def prefix_seconds(context: Context) -> Reading:
    """Part of the seconds spent on activations of the frozen part that were not remembered yet."""
    return _stated(context.outputs.prefix_seconds, context)


@METRICS.add("trainable", unit="parameters", better="lower", group="cost", low=0.0, order=62)
def trainable(context: Context) -> Reading:
    """How many numbers were free to change."""
    return _stated(context.outputs.trainable, context)
