"""How often the model names the true class, on each part of the splits."""

from __future__ import annotations

from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.outputs import Context, Predictions


def accuracy(said: Predictions, part: str) -> Reading:
    """Share of examples whose largest logit is the true class.

    Args:
        said: Logits and labels.
        part: Name of the part, for the note when it is empty.
    """
    if not len(said):
        return Reading(None, 0, f"no examples in {part}")
    return Reading(said.correct.double().mean().item(), len(said))


@METRICS.add("forget-accuracy", unit="share", better="near-retrained", group="accuracy", low=0.0, high=1.0, order=10)
def forget_accuracy(context: Context) -> Reading:
    """Accuracy on the forget set, training half."""
    return accuracy(context.outputs.forget, "forget")


@METRICS.add("forget-test-accuracy", unit="share", better="near-retrained", group="accuracy", low=0.0, high=1.0, order=11)
def forget_test_accuracy(context: Context) -> Reading:
    """Accuracy on test examples that meet the target."""
    return accuracy(context.outputs.forget_test, "forget_test")


@METRICS.add("retain-accuracy", unit="share", better="higher", group="accuracy", low=0.0, high=1.0, order=12)
def retain_accuracy(context: Context) -> Reading:
    """Accuracy on a sample of the retained training examples."""
    return accuracy(context.outputs.retain, "retain")


@METRICS.add("retain-test-accuracy", unit="share", better="higher", group="accuracy", low=0.0, high=1.0, order=13)
def retain_test_accuracy(context: Context) -> Reading:
    """Accuracy on test examples that do not meet the target."""
    return accuracy(context.outputs.retain_test, "retain_test")


@METRICS.add("test-accuracy", unit="share", better="near-retrained", group="accuracy", low=0.0, high=1.0, order=14)
def test_accuracy(context: Context) -> Reading:
    """Accuracy on all test examples; for a class target it falls with the class, in the retrained model too."""
    return accuracy(context.outputs.test, "forget_test and retain_test")


@METRICS.add("steering-accuracy", unit="share", better="near-retrained", group="accuracy", low=0.0, high=1.0, order=15)
def steering_accuracy(context: Context) -> Reading:
    """1 - forget accuracy: share of the forget set that is no longer named by its class."""
    reading = forget_accuracy(context)
    return reading._replace(value=None if reading.value is None else 1 - reading.value)
