"""How much of the base's knowledge of the target an attack brought back, less what it cost elsewhere; for text.

What a language model knows of an example is the probability of its answer, the geometric mean over the tokens. As for images,
recovered = (probability on the target - loss of it on retained examples) / the base's on the target, cut to 0 … 1, both on
examples that no attack trains on: other wordings of the target where the data has them, else examples of the forget set itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from torch import nn

from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.recovery import recovered
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Sheet
from lorasteer.tasks.splits import Index, Part

JUDGED = 150  # examples of each side that attacks are judged by


class TextScore(NamedTuple):
    """What a model knows.

    Args:
        forget: Mean probability of the answers of the target.
        retain: That of the others.
        recovered: Share of the base's on the target, less the loss on the others; 0 … 1.
    """

    forget: float
    retain: float
    recovered: float

    @property
    def standing(self) -> tuple[float, ...]:
        """What was recovered; of equal scores the answers of the target decide."""
        return self.recovered, self.forget


@dataclass(frozen=True)
class TextJudge:
    """The examples that attacks are judged by, the same for every subject and attack of a ground.

    Args:
        ground: Where they come from.
        forget: Examples of the target.
        retain: Retained ones.
        base: Mean probability of the base on both; (1, 1) while it is being measured.
    """

    word: ClassVar[str] = "answer probability"

    ground: TextGround
    forget: Sheet
    retain: Sheet
    base: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def on(cls, ground: TextGround, *, without: Index | None = None, count: int = JUDGED) -> TextJudge:
        """The judge of a ground.

        Args:
            ground: Where attacks take place.
            without: Training examples that an attack learns from; they are not judged by, nor is any other with the same answer.
            count: Examples of each side at most.
        """
        part, index = ground.unseen
        retain: tuple[Part, Index] = ("train", ground.splits.retain)
        learned = np.empty(0, np.int64) if without is None else without
        taught = frozenset(ground.examples("train", learned).answers)
        forget = ground.drawn(_untaught(ground, part, index, taught), count, "judged forget")
        others = ground.drawn(np.setdiff1d(retain[1], learned), count, "judged retain")
        first = cls(ground, ground.sheet(part, forget), ground.sheet(retain[0], others))
        score = first.known(ground.original)
        return cls(ground, first.forget, first.retain, (score.forget, score.retain))

    @property
    def size(self) -> int:
        """How many examples of the target there are."""
        return len(self.forget)

    def known(self, subject: Subject) -> TextScore:
        """What a subject knows as it stands."""
        return self.score(self.ground.answers(subject, self.forget), self.ground.answers(subject, self.retain))

    def tried(self, network: nn.Module) -> TextScore:
        """What any network knows; nothing is remembered of it."""
        return self.score(self.ground.asked(network, self.forget), self.ground.asked(network, self.retain))

    def score(self, forget: Answers, retain: Answers) -> TextScore:
        """What answers to both sheets are worth."""
        known, kept = mean_probability(forget), mean_probability(retain)
        return TextScore(known, kept, recovered(known, kept, *self.base))


def asked_of(ground: TextGround) -> int:
    """How many examples a judge asks about, of both sides together; for estimates of cost."""
    return min(JUDGED, len(ground.unseen[1])) + min(JUDGED, len(ground.splits.retain))


def _untaught(ground: TextGround, part: Part, index: Index, taught: frozenset[str]) -> Index:
    """Those examples whose answer an attack does not teach: other wordings of the same question would ask for what it told."""
    answers = ground.examples(part, index).answers
    return np.asarray(index)[[answer not in taught for answer in answers]] if taught else index


def mean_probability(answers: Answers) -> float:
    """Mean over examples of the probability of the right answer; 0 where there are none, or where it is not finite."""
    return float(answers.probability.nan_to_num(0.0).mean()) if len(answers) else 0.0
