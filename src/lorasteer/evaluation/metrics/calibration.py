"""How sure the model is of what it says, and whether it has the right to be."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lorasteer.core.statistics import calibration_error
from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.outputs import Context, Predictions


def confidence(said: Predictions) -> Float[Tensor, " n"]:
    """Largest probability of each example, 1 / classes … 1, float64."""
    return said.probabilities.amax(-1)


def mean_confidence(said: Predictions, part: str, note: str = "") -> Reading:
    """Mean over examples of the largest probability.

    Args:
        said: Logits and labels.
        part: Name of the part, for the note when it is empty.
        note: How to read the value when there is one.
    """
    if not len(said):
        return Reading(None, 0, f"no examples in {part}")
    return Reading(confidence(said).mean().item(), len(said), note)


@METRICS.add("forget-confidence", unit="share", better="near-retrained", group="calibration", low=0.0, high=1.0, order=40)
def forget_confidence(context: Context) -> Reading:
    """Mean confidence, in whatever class, on forget_test, or on forget where that is empty.

    A model that never saw these examples is usually unsure of them; high confidence in a wrong class is a trace.
    """
    if len(context.outputs.forget_test):
        return mean_confidence(context.outputs.forget_test, "forget_test")
    return mean_confidence(context.outputs.forget, "forget_test and forget", "on forget: forget_test is empty")


@METRICS.add("retain-confidence", unit="share", better="near-retrained", group="calibration", low=0.0, high=1.0, order=41)
def retain_confidence(context: Context) -> Reading:
    """Mean confidence on retain_test."""
    return mean_confidence(context.outputs.retain_test, "retain_test")


@METRICS.add("calibration-error", unit="share", better="lower", group="calibration", low=0.0, high=1.0, order=42)
def retain_calibration_error(context: Context) -> Reading:
    """Expected calibration error on retain_test, 15 bins: mean distance between confidence and accuracy."""
    said = context.outputs.retain_test
    if not len(said):
        return Reading(None, 0, "no examples in retain_test")
    return Reading(calibration_error(confidence(said), said.correct), len(said))
