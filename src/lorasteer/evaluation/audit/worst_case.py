"""Which examples are hardest to forget: the worst-case forget set, and sets ranked by memorisation.

*Worst case* (Fan et al., ECCV 2024, arXiv:2403.07362): weights w in [0, 1] with sum k choose the forget set. The lower level
unlearns by fine-tuning with the weights 1 - w, by sign-gradient steps, so that no second-order term is left; the upper level
lowers the weight of examples whose loss became high, for these were easy to forget, and projects on the capped simplex. The k
largest weights are the set. Differs from the authors' code in: only the last layer learns, on remembered features; the weights
begin equal, not random, so that the outcome does not rest on a draw; they are made whole once, at the end.

*Memorisation*: by how many standard deviations training on an example raises confidence in it, from last layers each trained on a
random half (Feldman and Zhang 2020, arXiv:2008.03703). Features that saw every example hide what the network itself memorised.

As an attack: an average over the forget set hides what is left of its worst tenth.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from pydantic import Field
from torch import Tensor

from lorasteer.core.intervals import clopper_pearson
from lorasteer.core.simplex import project_capped_simplex
from lorasteer.core.statistics import label_log_odds
from lorasteer.evaluation.audit.intervals import proportion, rated
from lorasteer.evaluation.audit.lira import memorisation
from lorasteer.evaluation.audit.readings import Readings, reader
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.records import Settings
from lorasteer.tasks.splits import Index

Aim = Literal["hardest", "easiest"]
_READ = 2000  # forget, and retained, examples at most
_FEWEST = 20  # forget examples below which a tenth says nothing


class WorstCaseSettings(Settings):
    """Settings of the search for a worst-case forget set."""

    rounds: Annotated[int, Field(gt=0)] = 10
    """Rounds of unlearning and choosing."""
    epochs: Annotated[int, Field(gt=0)] = 2
    """Passes over the examples in each unlearning."""
    batch_size: Annotated[int, Field(gt=0)] = 256
    """Examples of a step of unlearning."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Step of each number of the last layer, up or down."""
    weight_rate: Annotated[float, Field(gt=0)] = 0.1
    """Learning rate of the weights."""
    ridge: Annotated[float, Field(ge=0)] = 0.0
    """Penalty on the squares of the weights."""


class WorstCaseAttackSettings(WorstCaseSettings):
    """Settings of the worst-case attack."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the forget set that is the worst."""


def worst_case_set(
    readings: Readings, candidates: Tensor, count: int, settings: WorstCaseSettings, *, aim: Aim = "hardest", seed: int = 0
) -> Tensor:
    """The examples that stay known, or are forgotten soonest, when forgotten together.

    Args:
        readings: All examples, those that are certainly retained included.
        candidates: Places among them that may be chosen, int64.
        count: How many are chosen.
        settings: Of the search.
        aim: `hardest` or `easiest`.
        seed: Fixes the order of examples in unlearning.

    Returns:
        Places in `readings`, rising, shape [count].

    Raises:
        ValueError: There are fewer candidates.

    Example:
        >>> features, labels = torch.tensor([[5.0], [4.0], [0.5], [-3.0]]), torch.tensor([0, 0, 0, 1])
        >>> readings = Readings(features, labels, torch.tensor([[1.0], [-1.0]]), torch.zeros(2))
        >>> worst_case_set(readings, torch.arange(3), 1, WorstCaseSettings(weight_rate=1.0)).tolist()  # surest: loss stays low
        [0]
    """
    if count > len(candidates):
        raise ValueError(f"{count} examples cannot be chosen of {len(candidates)}")
    sign = 1.0 if aim == "hardest" else -1.0
    chosen = torch.full((len(candidates),), count / len(candidates), dtype=torch.float64)
    for number in range(settings.rounds):
        kept = torch.ones(len(readings))
        kept[candidates] = (1 - chosen).float()
        said = _unlearned(readings, kept, settings, torch.Generator().manual_seed(seed + number))
        loss = F.cross_entropy(said[candidates], readings.labels[candidates], reduction="none").double()
        gradient = sign * loss + 2 * settings.ridge * chosen
        chosen = project_capped_simplex(chosen - settings.weight_rate * gradient, float(count))
    order = torch.sort(chosen, descending=True, stable=True).indices  # of equal weights the first
    return candidates[order[:count]].sort().values


def _unlearned(readings: Readings, kept: Tensor, settings: WorstCaseSettings, generator: torch.Generator) -> Tensor:
    """Logits of the last layer after fine-tuning with these weights by sign steps, shape [n, classes]."""
    weight, bias = readings.weight.clone(), readings.bias.clone()
    for _ in range(settings.epochs):
        order = torch.randperm(len(readings), generator=generator)
        for start in range(0, len(order), settings.batch_size):
            places = order[start : start + settings.batch_size]
            rows = readings.features[places]
            error = (rows @ weight.T + bias).softmax(-1) - F.one_hot(readings.labels[places], len(bias))
            error = error * kept[places, None]  # gradient of the weighted cross-entropy in the logits
            weight -= settings.learning_rate * (error.T @ rows).sign()
            bias -= settings.learning_rate * error.sum(0).sign()
    return readings.features @ weight.T + bias


def memorised_by_head(readings: Readings, *, shadows: int = 32, seed: int = 0) -> Tensor:
    """How many standard deviations training on each example raises confidence in it; float64, shape [n].

    Args:
        readings: All examples.
        shadows: Last layers trained from new, each on a random half.
        seed: Of halves and training.
    """
    ranks = torch.rand(shadows, len(readings), generator=torch.Generator().manual_seed(seed)).argsort(0)
    inside = ranks < shadows // 2
    confidence = torch.stack([label_log_odds(said, readings.labels) for said in readings.retrained(inside, seed=seed)])
    gap, spread = memorisation(confidence, inside)
    return gap / spread


def ranked_sets(score: Tensor, candidates: Tensor, count: int) -> dict[str, Tensor]:
    """The candidates of highest and of lowest score, rising places, `count` of each.

    Example:
        >>> sets = ranked_sets(torch.tensor([0.1, 0.9, 0.5, 0.7]), torch.tensor([0, 1, 3]), 1)
        >>> sets["most"].tolist(), sets["least"].tolist()
        ([1], [0])
    """
    order = candidates[torch.sort(score[candidates], descending=True, stable=True).indices]
    return {"most": order[:count].sort().values, "least": order[len(order) - count :].sort().values}


def still_known(readings: Readings, sets: dict[str, Tensor], *, seed: int = 0) -> dict[str, float]:
    """Accuracy on each set of a last layer that was trained anew without it: what is not the set's own to forget.

    Args:
        readings: All examples.
        sets: Places among them, by name.
        seed: Of the training.
    """
    inside = torch.ones(len(sets), len(readings), dtype=torch.bool)
    for number, places in enumerate(sets.values()):
        inside[number, places] = False
    right = readings.retrained(inside, seed=seed).argmax(-1) == readings.labels
    return {name: right[number, places].double().mean().item() for number, (name, places) in enumerate(sets.items())}


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * min(_READ, len(ground.splits.forget)) + 1


@ATTACKS.add("worst-case", kind="worst-case", cost=_cost, shared="worst case", settings=WorstCaseAttackSettings, order=60)
def worst_case(ground: Ground, subject: Subject, settings: WorstCaseAttackSettings) -> Finding:
    """What is left of the forget examples that are hardest to forget."""
    forget = ground.drawn(ground.splits.forget, _READ, "worst case forget")
    if len(forget) < _FEWEST:
        why = f"{len(forget)} forget examples are too few; it takes {_FEWEST}"
        return Finding((proportion("worst_forget_accuracy", None, len(forget), note=why),))
    key = ("worst case", settings.digest)
    worst = ground.remember(key, lambda: _worst_of(ground, forget, settings))
    right = ground.logits(subject, "train", forget).argmax(-1) == ground.labels("train", forget)
    inside = np.isin(forget, worst)
    rates = [clopper_pearson(int(right[torch.from_numpy(side)].sum()), int(side.sum())) for side in (inside, ~inside)]
    note = "the forget examples whose loss stays lowest when the last layer unlearns"
    return Finding(
        (rated("worst_forget_accuracy", rates[0], note=note), rated("other_forget_accuracy", rates[1], note="the others")),
        n=len(forget),
    )


def _worst_of(ground: Ground, forget: Index, settings: WorstCaseAttackSettings) -> Index:
    """Positions in train of the worst share of some forget examples."""
    index = np.concatenate([forget, ground.drawn(ground.splits.retain, _READ, "worst case beside")])
    readings = Readings.of(ground.base, reader(ground.base, ground.inputs)("train", index), ground.labels("train", index))
    count = max(1, round(settings.share * len(forget)))
    places = worst_case_set(readings, torch.arange(len(forget)), count, settings, seed=ground.seed)
    chosen: Index = forget[places.numpy()]
    return chosen
