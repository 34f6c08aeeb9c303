"""How like the retrained model a model is: in its probabilities, and in the four numbers of published tables."""

from __future__ import annotations

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from lorasteer.core.divergences import js_divergence, kl_divergence
from lorasteer.evaluation.attacks.membership import mia_efficacy_paper
from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.metrics.accuracy import forget_accuracy, retain_accuracy, test_accuracy
from lorasteer.evaluation.outputs import Context, Predictions

Divergence = Callable[[Float[Tensor, "n classes"], Float[Tensor, "n classes"]], Float[Tensor, " n"]]
NEEDS = frozenset({"retrained"})


def mean_divergence(divergence: Divergence, retrained: Predictions, said: Predictions, part: str) -> Reading:
    """Mean over examples of the divergence of the retrained model's probabilities from the measured model's.

    Args:
        divergence: Function of two sets of logits, the true distribution first.
        retrained: Logits of the reference.
        said: Logits of the measured model on the same examples.
        part: Name of the part, for the note when it is empty.
    """
    if not len(said):
        return Reading(None, 0, f"no examples in {part}")
    return Reading(divergence(retrained.logits, said.logits).mean().item(), len(said))


@METRICS.add("kl-to-retrained-forget", unit="nats", better="lower", group="likeness", low=0.0, needs=NEEDS, order=30)
def kl_to_retrained_forget(context: Context) -> Reading:
    """Mean KL(retrained || model) on the forget set."""
    return mean_divergence(kl_divergence, context.reference.forget, context.outputs.forget, "forget")


@METRICS.add("kl-to-retrained-test", unit="nats", better="lower", group="likeness", low=0.0, needs=NEEDS, order=31)
def kl_to_retrained_test(context: Context) -> Reading:
    """Mean KL(retrained || model) on all test examples."""
    return mean_divergence(kl_divergence, context.reference.test, context.outputs.test, "forget_test and retain_test")


@METRICS.add(
    "js-to-retrained-forget", unit="nats", better="lower", group="likeness", low=0.0, high=math.log(2), needs=NEEDS, order=32
)
def js_to_retrained_forget(context: Context) -> Reading:
    """Mean Jensen-Shannon divergence from the retrained model on the forget set; ln 2 is total disagreement."""
    return mean_divergence(js_divergence, context.reference.forget, context.outputs.forget, "forget")


@METRICS.add(
    "js-to-retrained-test", unit="nats", better="lower", group="likeness", low=0.0, high=math.log(2), needs=NEEDS, order=33
)
def js_to_retrained_test(context: Context) -> Reading:
    """Mean Jensen-Shannon divergence from the retrained model on all test examples; ln 2 is total disagreement."""
    return mean_divergence(js_divergence, context.reference.test, context.outputs.test, "forget_test and retain_test")


@METRICS.add("gap-to-retrained", unit="share", better="lower", group="likeness", low=0.0, high=1.0, needs=NEEDS, order=34)
def gap_to_retrained(context: Context) -> Reading:
    """Mean absolute difference to the retrained model over forget, retain and test accuracy and the paper's MIA efficacy.

    The "average gap" of published tables. A mean can hide one large difference behind three small ones: `gaps` gives each.
    """
    gold = context.measuring(context.reference)
    differences = []
    for metric in (forget_accuracy, retain_accuracy, test_accuracy, mia_efficacy_paper):
        mine, theirs = metric(context), metric(gold)
        if mine.value is None or theirs.value is None:
            return Reading(None, 0, f"{metric.__name__} is missing: {mine.note or theirs.note}")
        differences.append(abs(mine.value - theirs.value))
    outputs = context.outputs
    return Reading(sum(differences) / len(differences), len(outputs.forget) + len(outputs.retain) + len(outputs.test))
