"""What the unlearning cost. Nothing here looks at the answers."""

from __future__ import annotations

from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading


def _stated(value: float | None, context: TextContext) -> Reading:
    if value is None:
        return Reading(None, 0, "not stated: nothing was unlearned, or it was not timed")
    return Reading(float(value), len(context.outputs.forget))


@TEXT_METRICS.add("seconds", unit="seconds", better="lower", group="cost", low=0.0, order=80)
def seconds(context: TextContext) -> Reading:
    """Wall time of unlearning alone, without loading and evaluation."""
    return _stated(context.outputs.seconds, context)


@TEXT_METRICS.add("prefix-seconds", unit="seconds", better="lower", group="cost", low=0.0, order=81)
def prefix_seconds(context: TextContext) -> Reading:
    """Part of the seconds spent on states of the frozen part that were not remembered yet."""
    return _stated(context.outputs.prefix_seconds, context)


@TEXT_METRICS.add("trainable", unit="parameters", better="lower", group="cost", low=0.0, order=82)
def trainable(context: TextContext) -> Reading:
    """How many numbers were free to change."""
    return _stated(context.outputs.trainable, context)
