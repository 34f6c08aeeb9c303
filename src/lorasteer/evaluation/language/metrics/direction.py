"""Forgetting along a direction: what went on its examples, what on the rest of the target, and what a random direction shows.

Each is measured on the test half of the target where its examples can be weighed, else on the forget set. Weights between 0 and
1 count an example partly as the direction's and partly as the rest's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading

Weights = Float[Tensor, " n"]

DIRECTION, BOTH = frozenset({"direction"}), frozenset({"base", "direction"})
DRAWS = 1000  # random directions
EDGES = (0.025, 0.975)


@TEXT_METRICS.add(
    "direction-probability",
    unit="share",
    better="near-retrained",
    group="direction",
    low=0.0,
    high=1.0,
    needs=DIRECTION,
    order=60,
)  # fmt: skip
def direction_probability(context: TextContext) -> Reading:
    """Mean answer probability on the direction's examples."""
    part, answers, weights = _half(context)
    return _weighted(answers.probability, weights, f"no example of the direction in {part}", f"on {part}")


@TEXT_METRICS.add(
    "target-rest-probability", unit="share", better="higher", group="direction", low=0.0, high=1.0, needs=DIRECTION, order=61
)
def target_rest_probability(context: TextContext) -> Reading:
    """Mean answer probability on the target's examples outside the direction, which are to stay."""
    part, answers, weights = _half(context)
    return _weighted(answers.probability, 1 - weights, f"no example outside the direction in {part}", f"on {part}")


@TEXT_METRICS.add("selectivity", unit="share", better="higher", group="direction", low=-1.0, high=1.0, needs=BOTH, order=62)
def selectivity(context: TextContext) -> Reading:
    """Drop of answer probability from the base on the direction's examples minus the drop on the rest of the target.

    1: everything along the direction went and nothing beside it; 0: both suffered alike; below 0: the wrong half went.
    """
    part, drop, weights = _drops(context)
    if not 0 < float(weights.sum()) < len(weights):
        return Reading(None, 0, f"the direction parts nothing in {part}")
    return Reading(float(_selectivity(drop, weights)), len(weights), f"on {part}")


@TEXT_METRICS.add("random-selectivity", unit="share", better="none", group="direction", low=-1.0, high=1.0, needs=BOTH, order=63)
def random_selectivity(context: TextContext) -> Reading:
    """Selectivity that 97.5 % of random directions stay below: the direction's weights, dealt out to the examples by chance.

    So each of them is worth as many examples as the direction itself. A selectivity that does not lie above this says nothing
    about the meaning of the direction.
    """
    part, drop, weights = _drops(context)
    if not 0 < float(weights.sum()) < len(weights):
        return Reading(None, 0, f"the direction parts nothing in {part}")
    generator = torch.Generator().manual_seed(0)
    dealt = torch.stack([weights[torch.randperm(len(weights), generator=generator)] for _ in range(DRAWS)])
    found = _selectivity(drop, dealt)
    low, high = (float(found.quantile(edge)) for edge in EDGES)
    note = f"on {part}; {DRAWS} random directions: mean {float(found.mean()):.3f}, 95 % between {low:.3f} and {high:.3f}"
    return Reading(high, len(weights), note)


def _selectivity(drop: Float[Tensor, " n"], weights: Float[Tensor, "*draws n"]) -> Float[Tensor, "*draws"]:
    """Mean drop under the weights minus mean drop under their complement."""
    rest = 1 - weights
    return (weights * drop).sum(-1) / weights.sum(-1) - (rest * drop).sum(-1) / rest.sum(-1)


def _drops(context: TextContext) -> tuple[str, Float[Tensor, " n"], Weights]:
    """The half that is measured, how much probability each of its answers lost from the base, and their weights."""
    assert context.base is not None  # the stated need
    part, answers, weights = _half(context)
    return part, context.base.parts()[part].probability - answers.probability, weights


def _half(context: TextContext) -> tuple[str, Answers, Weights]:
    """The half of the target that is measured, its answers, and the direction weights of its examples."""
    outputs = context.outputs
    if outputs.selected_test is not None and len(outputs.forget_test):
        return "forget_test", outputs.forget_test, outputs.selected_test.double()
    assert outputs.selected is not None  # the stated need: a direction gives weights to one half at least
    return "forget", outputs.forget, outputs.selected.double()


def _weighted(values: Float[Tensor, " n"], weights: Weights, when_empty: str, note: str) -> Reading:
    total = float(weights.sum())
    if total <= 0:
        return Reading(None, 0, when_empty)
    return Reading(float((weights * values).sum()) / total, int((weights > 0).sum()), note)
