"""How much of the base's knowledge of the target an attack brought back, less what it cost elsewhere.

A model that answers every image with the forgotten class recognises all of the target and has learned nothing. So what is lost on
retained examples is taken off: recovered = (forget accuracy - loss of retain accuracy) / the base's forget accuracy, cut to
0 … 1, both on examples that no attack trains on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lorasteer.evaluation.audit.subject import Ground, Subject, answers
from lorasteer.records import Better, Measurement
from lorasteer.tasks.splits import Index, Part

JUDGED = 300  # examples of each side that attacks are judged by


class Score(NamedTuple):
    """What a model knows.

    Args:
        forget: Accuracy on examples of the target.
        retain: Accuracy on the others.
        recovered: Share of the base's forget accuracy, less the loss on the others; 0 … 1.
    """

    forget: float
    retain: float
    recovered: float


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
        """
        part, index = ground.unseen
        if part == "train" and without is not None:
            index = index[~torch.isin(torch.from_numpy(index), torch.from_numpy(without)).numpy()]
        forget = ground.drawn(index, count, "judged forget")
        retain = ground.drawn(ground.splits.retain_test, count, "judged retain")
        first = cls(ground, part, forget, retain)
        score = first.known(ground.original)
        return cls(ground, part, forget, retain, (score.forget, score.retain))

    @property
    def size(self) -> int:
        """How many examples of the target there are."""
        return len(self.forget)

    def known(self, subject: Subject) -> Score:
        """What a subject knows as it stands."""
        return self.score(
            self.ground.logits(subject, self.forget_part, self.forget), self.ground.logits(subject, "test", self.retain)
        )

    def tried(self, network: nn.Module) -> Score:
        """What any network knows; nothing is remembered of it."""
        inputs = self.ground.inputs
        return self.score(answers(network, inputs, self.forget_part, self.forget), answers(network, inputs, "test", self.retain))

    def score(self, forget: Tensor, retain: Tensor) -> Score:
        """What logits on both sides are worth."""
        known = _accuracy(forget, self.ground.labels(self.forget_part, self.forget))
        kept = _accuracy(retain, self.ground.labels("test", self.retain))
        return Score(known, kept, recovered(known, kept, *self.base))


def recovered(forget: float, retain: float, base_forget: float, base_retain: float) -> float:
    """Share of the base's forget accuracy, less the loss on retained examples; 0 … 1.

    Example:
        >>> recovered(0.6, 0.9, 0.8, 0.9), recovered(1.0, 0.2, 0.8, 0.9)  # the second calls nearly everything the target
        (0.7499999999999999, 0.37499999999999994)
    """
    if base_forget <= 0:
        return 0.0
    return min(1.0, max(0.0, (forget - max(0.0, base_retain - retain)) / base_forget))


def share(name: str, value: float | None, n: int, *, better: Better = "near-retrained", note: str = "") -> Measurement:
    """A measurement that is a share, 0 … 1."""
    return Measurement(name=name, value=value, unit="share", n=n, better=better, low=0.0, high=1.0, note=note)


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(-1) == labels).double().mean().item() if len(labels) else 0.0
