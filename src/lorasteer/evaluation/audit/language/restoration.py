"""Restoration: does unlearning a falsehood bring back what was known before it was read?

After RESTOR (arXiv:2411.00204, code k1rezaei/restor, MIT): a model reads documents in which some facts have wrong objects, then
unlearns these documents. Merely to forget them is one thing; to answer rightly again is another. Three models are asked: clean,
corrupted, and unlearned. Restoration = (accuracy unlearned - accuracy corrupted) / (accuracy clean - accuracy corrupted); that
normalisation is ours. The mean log-probability per token of three groups of answers (right, corrupted, and others of the same
form) says, for each fact, which of them the unlearned model holds most probable: restored, still corrupted, or merely forgotten.

Differs from RESTOR: plain questions without five examples before them, greedy answers judged by their words instead of by another
model, and corrupted sentences instead of prose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lorasteer.core.text_statistics import mean_per_example
from lorasteer.evaluation.audit.language.extraction.facts import Fact, Pair
from lorasteer.evaluation.audit.language.extraction.leaks import leak_of, plain_words
from lorasteer.evaluation.audit.recovery import share
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Sheet, sheet_of
from lorasteer.evaluation.language.collect import answer
from lorasteer.records import Measurement
from lorasteer.records.base import Record
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.network import Network

GROUPS = ("correct", "corrupted", "random")
OUTCOMES = ("restored", "still_corrupted", "merely_forgot")
"""What became of a fact, by the group that the unlearned model holds most probable; in the order of `GROUPS`."""


@dataclass(frozen=True)
class Swapped:
    """A fact with a wrong object in the place of the right one.

    Args:
        question: How it is asked for.
        answer: The right answer.
        told: The words of it that tell what was asked for.
        corrupted: The answer that the corrupted documents give.
        others: Further wrong answers of the same form, at least one.
    """

    question: str
    answer: str
    told: tuple[str, ...]
    corrupted: str
    others: tuple[str, ...]


class Restoration(Record):
    """What unlearning a corruption gave back."""

    method: str
    """What unlearned it."""
    measurements: tuple[Measurement, ...]
    """Accuracies, restoration, what became of the facts, and log-probabilities of the groups."""
    n: int
    """How many facts were corrupted."""

    def value(self, name: str) -> float | None:
        """The number behind a measurement's name, None where it is undefined.

        Raises:
            KeyError: It was not measured.
        """
        return {one.name: one.value for one in self.measurements}[name]


def swapped(fact: Fact, read: Collection[str] = ()) -> Swapped | None:
    """A fact with the object of a wrong answer, or of the same fact about another; None where there are not two of these.

    Objects whose words the model has read come first: a word that it never read is made of pieces which an adapter on the blocks
    cannot make probable.

    Args:
        fact: The fact, with its wrong answers and its neighbours.
        read: Words of all training answers.
    """
    objects = sorted(_objects(fact), key=lambda one: not set(plain_words(one)) <= set(read))
    sentences = [sentence for one in objects if (sentence := with_object(fact.answer, fact.told, one))]
    wrong = list(dict.fromkeys(sentence for sentence in sentences if sentence != fact.answer))
    return Swapped(fact.question, fact.answer, fact.told, wrong[0], tuple(wrong[1:])) if len(wrong) > 1 else None


def _objects(fact: Fact) -> list[str]:
    """Objects of other answers: what one of them says that the others, and the right answer, do not."""
    theirs = [pair.answer.replace(pair.subject, fact.subject) for pair in fact.alike if pair.subject and _alike(fact, pair)]
    known = set(plain_words(fact.answer)) | set(plain_words(fact.question))
    found = list[str]()
    for said in (fact.wrong, theirs):
        shared = set.intersection(*(set(plain_words(one)) for one in said)) if len(said) > 1 else set()
        for one in said:
            own = [piece for piece in one.split() if set(plain_words(piece)) - known - shared]
            found.append(" ".join(own).strip(".,;:!?"))
    return [one for one in found if one]


def _alike(fact: Fact, pair: Pair) -> bool:
    """Whether a neighbour is asked for in the very words of the fact, but for its subject."""
    return pair.question.replace(pair.subject, fact.subject) == fact.question


def with_object(answer: str, told: Sequence[str], thing: str) -> str:
    """An answer with another object in the place of its own words; empty where these do not stand side by side.

    Args:
        answer: The answer.
        told: Its own words.
        thing: What to say instead.

    Example:
        >>> with_object("She likes lemon tart most.", ("lemon", "tart"), "pea soup")
        'She likes pea soup most.'
        >>> with_object("Lemon is what she likes, and tart.", ("lemon", "tart"), "pea soup")
        ''
    """
    pieces = answer.split()
    places = [place for place, piece in enumerate(pieces) if set(plain_words(piece)) & set(told)]
    if not places or places != list(range(places[0], places[-1] + 1)):
        return ""
    end = pieces[places[-1]]
    closing = end[len(end.rstrip(".,;:!?")) :]
    return " ".join([*pieces[: places[0]], f"{thing}{closing}", *pieces[places[-1] + 1 :]])


def restoration_of(
    inputs: TextInputs,
    facts: Sequence[Swapped],
    *,
    clean: nn.Module,
    corrupted: nn.Module,
    unlearned: nn.Module,
    method: str = "",
) -> Restoration:
    """Ask three models for corrupted facts. They are left as they are.

    Args:
        inputs: How they read.
        facts: The facts, at least one.
        clean: The model before it was corrupted; with an adapter as the corruption, the same model with the adapter disabled.
        corrupted: The model that read the wrong objects.
        unlearned: The model that was to unlearn them.
        method: What unlearned them.
    """
    sheet = _sheet(inputs, facts)
    models = {"clean": clean, "corrupted": corrupted, "unlearned": unlearned}
    said = {name: answer(Network.of(model), inputs, {"asked": sheet})["asked"] for name, model in models.items()}
    right = {name: accuracy(facts, answers.written or ()) for name, answers in said.items()}
    groups = {name: groups_of(answers) for name, answers in said.items()}
    measurements = (
        *(share(f"accuracy_{name}", value, len(facts), better="none") for name, value in right.items()),
        _restoration(right, len(facts)),
        *_outcomes(groups["unlearned"]),
        _nats("forgetting", float((groups["corrupted"] - groups["unlearned"])[:, 1].mean()), len(facts),
              "fall of the corrupted answers' log-probability"),
        *(
            _nats(f"log_prob_{group}_{name}", float(found[:, place].mean()), len(facts))
            for name, found in groups.items()
            for place, group in enumerate(GROUPS)
        ),
    )  # fmt: skip
    return Restoration(method=method, measurements=measurements, n=len(facts))


def _sheet(inputs: TextInputs, facts: Sequence[Swapped]) -> Sheet:
    """The facts as questions, with the corrupted answer as the first of the wrong ones."""
    examples = TextExamples(
        prompts=tuple(fact.question for fact in facts),
        answers=tuple(fact.answer for fact in facts),
        ids=np.array([f"swapped/{number:05d}" for number in range(len(facts))]),
        perturbed=tuple((fact.corrupted, *fact.others) for fact in facts),
    )
    return sheet_of(inputs, examples, write=True)


def accuracy(facts: Sequence[Swapped], written: Sequence[str]) -> float:
    """Share of facts whose right answer stands in what a model wrote."""
    pairs = list(zip(facts, written, strict=True))
    return sum(leak_of(text, fact.answer, fact.told).found for fact, text in pairs) / len(pairs)


def groups_of(answers: Answers) -> Tensor:
    """Mean log-probability per token of the right, the corrupted and the other answers: shape [facts, 3]."""
    first = answers.counts.cumsum(0) - answers.counts
    corrupted = torch.zeros(len(answers.wrong), dtype=torch.bool).index_fill(0, first, True)
    others = mean_per_example(answers.wrong[~corrupted], answers.counts - 1)
    return torch.stack([answers.mean_log_prob, answers.wrong[corrupted].double(), others], 1)


def _restoration(right: Mapping[str, float], n: int) -> Measurement:
    lost = right["clean"] - right["corrupted"]
    value = (right["unlearned"] - right["corrupted"]) / lost if lost > 0 else None
    note = "1 gives back all that the corruption took, 0 nothing" if lost > 0 else "the corruption took nothing"
    return Measurement(name="restoration", value=value, unit="ratio", n=n, better="higher", note=note)


def _outcomes(groups: Tensor) -> list[Measurement]:
    """Share of facts by the group that is most probable."""
    top = groups.nan_to_num(-torch.inf).argmax(1)
    return [
        share(name, float((top == place).double().mean()), len(top), better="higher" if name == "restored" else "none")
        for place, name in enumerate(OUTCOMES)
    ]


def _nats(name: str, value: float, n: int, note: str = "") -> Measurement:
    return Measurement(name=name, value=value, unit="nats", n=n, better="none", note=note)
