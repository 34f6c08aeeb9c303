"""How much of the base's knowledge of the target an attack brought back, less what it cost elsewhere.

A model that answers every image with the forgotten class recognises all of the target and has learned nothing. So what is lost on
retained examples is taken off: recovered = (forget accuracy - loss of retain accuracy) / the base's forget accuracy, cut to
0 … 1, both on examples that no attack trains on. Where no example of the target is recognised, the *rank* still tells whether the
model knows it: the probability that an example of the target leans more to its class than other examples do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lorasteer.core.statistics import rank_auc
from lorasteer.errors import PlanError
from lorasteer.evaluation.audit.subject import Examples, Ground, Subject, answers
from lorasteer.records import Better, Measurement
from lorasteer.tasks.splits import Index, Part

JUDGED = 300  # examples of each side that attacks are judged by


class Known(Protocol):
    """What a model knows, whatever it reads; a score of images or one of text."""

    @property
    def forget(self) -> float:
        """What it knows of the target, 0 … 1."""

    @property
    def retain(self) -> float:
        """What it knows of the others."""

    @property
    def recovered(self) -> float:
        """Share of the base's knowledge of the target, less the loss on the others; 0 … 1."""

    @property
    def standing(self) -> tuple[float, ...]:
        """What decides which of two scores shows more of the target: the larger one does."""


class Judging(Protocol):
    """What attacks are judged by, whatever the models read: a judge of images or one of text."""

    word: ClassVar[str]
    """What knowledge is measured in."""

    @property
    def size(self) -> int:
        """How many examples of the target it asks about."""

    def known(self, subject: Subject) -> Known:
        """What a subject knows as it stands."""

    def tried(self, network: nn.Module) -> Known:
        """What any network knows; nothing is remembered of it."""


def meaning(judge: Judging) -> tuple[str, ...]:
    """A remark where numbers that are named after accuracy are of something else."""
    return () if judge.word == "accuracy" else (f"What is called accuracy is the mean {judge.word}.",)


class Score(NamedTuple):
    """What a model knows.

    Args:
        forget: Accuracy on examples of the target.
        retain: Accuracy on the others.
        recovered: Share of the base's forget accuracy, less the loss on the others; 0 … 1.
        rank: Probability that an example of the target leans more to its class than one of another class; 0.5 knows nothing.
    """

    forget: float
    retain: float
    recovered: float
    rank: float

    @property
    def standing(self) -> tuple[float, ...]:
        """What was recovered; of equal scores the rank decides."""
        return self.recovered, self.rank


@dataclass(frozen=True)
class Judge:
    """The examples that attacks are judged by, the same for every subject and attack of a ground.

    Args:
        ground: Where they come from.
        forget_part: Part of the data that examples of the target are taken from.
        forget: Their positions.
        retain: Positions of others in the test set.
        base: Accuracy of the base on both; (1, 1) while it is being measured.
    """

    word: ClassVar[str] = "accuracy"

    ground: Ground
    forget_part: Part
    forget: Index
    retain: Index
    base: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def on(cls, ground: Ground, *, without: Index | None = None, count: int = JUDGED) -> Judge:
        """The judge of a ground.

        Args:
            ground: Where attacks take place.
            without: Training examples that an attack learns from; they are not judged by where the target has no test examples.
            count: Examples of each side at most.

        Raises:
            PlanError: The test set holds nothing but the target.
        """
        if not len(ground.splits.retain_test):
            raise PlanError(
                "the test set holds no example but those of the target, and attacks are judged by others as well. "
                "Load data whose test part holds some."
            )
        part, index = ground.unseen
        if part == "train" and without is not None:
            index = index[~torch.isin(torch.from_numpy(index), torch.from_numpy(without)).numpy()]
        forget = ground.drawn(index, count, "judged forget")
        retain = ground.drawn(ground.splits.retain_test, count, "judged retain")
        first = cls(ground, part, forget, retain)
        score = first.known(ground.original)
        return cls(ground, part, forget, retain, (score.forget, score.retain))

    @property
    def target(self) -> Examples:
        """Examples of the target."""
        return self.forget_part, self.forget

    @property
    def others(self) -> Examples:
        """The other examples."""
        return "test", self.retain

    @property
    def size(self) -> int:
        """How many examples of the target there are."""
        return len(self.forget)

    def known(self, subject: Subject) -> Score:
        """What a subject knows as it stands."""
        return self.score(self.ground.logits(subject, *self.target), self.ground.logits(subject, *self.others))

    def tried(self, network: nn.Module) -> Score:
        """What any network knows; nothing is remembered of it."""
        inputs = self.ground.inputs
        return self.score(answers(network, inputs, *self.target), answers(network, inputs, *self.others))

    def score(self, forget: Tensor, retain: Tensor) -> Score:
        """What logits on both sides are worth."""
        mine, others = self.ground.labels(*self.target), self.ground.labels(*self.others)
        known, kept = _accuracy(forget, mine), _accuracy(retain, others)
        return Score(known, kept, recovered(known, kept, *self.base), rank(forget, mine, retain, others))


def recovered(forget: float, retain: float, base_forget: float, base_retain: float) -> float:
    """Share of the base's forget accuracy, less the loss on retained examples; 0 … 1.

    Example:
        >>> recovered(0.5, 1.0, 1.0, 1.0), recovered(1.0, 0.25, 1.0, 1.0)  # the second calls nearly everything the target
        (0.5, 0.25)
    """
    if base_forget <= 0:
        return 0.0
    return min(1.0, max(0.0, (forget - max(0.0, base_retain - retain)) / base_forget))


def lean(logits: Float[Tensor, "n classes"], label: int) -> Float[Tensor, " n"]:
    """How far a class's logit lies above its strongest rival's; the class is the answer where this is positive.

    Example:
        >>> lean(torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0]]), 0).tolist()
        [1.0, -4.0]
    """
    rivals = logits.clone()
    rivals[:, label] = -torch.inf
    return logits[:, label] - rivals.amax(1)


def rank(forget: Tensor, labels: Tensor, retain: Tensor, other_labels: Tensor) -> float:
    """Probability that an example of the target leans more to its class than an example of another class does.

    Args:
        forget: Logits on the target, shape [n, classes].
        labels: Their classes; the mean over them is taken, each counted by its examples.
        retain: Logits on the others, shape [m, classes].
        other_labels: Their classes; those of the class itself are left out.

    Returns:
        0 … 1; 0.5 where the logits say nothing, or there is nothing to compare with.

    Example:
        >>> target, others = torch.tensor([[-1.0, 0.0], [-3.0, 0.0]]), torch.tensor([[-2.0, 0.0], [-4.0, 0.0]])
        >>> rank(target, torch.tensor([0, 0]), others, torch.tensor([1, 1]))  # pairs won: 1, 1, 0, 1
        0.75
    """
    areas = []
    for label in np.unique(labels).tolist():
        mine, others = forget[labels == label], retain[other_labels != label]
        if len(others):
            areas.append((len(mine), rank_auc(lean(mine, label), lean(others, label))))
    return sum(count * area for count, area in areas) / sum(count for count, _ in areas) if areas else 0.5


def share(name: str, value: float | None, n: int, *, better: Better = "near-retrained", note: str = "") -> Measurement:
    """A measurement that is a share, 0 … 1."""
    return Measurement(name=name, value=value, unit="share", n=n, better=better, low=0.0, high=1.0, note=note)


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(-1) == labels).double().mean().item() if len(labels) else 0.0
