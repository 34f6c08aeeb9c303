"""What a language model is asked: which examples of each part, their tokens, and which answers are scored behind each prompt.

A questionnaire is prepared once for a request and put to every model that is compared, so that all of them answer the same.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lorasteer.errors import PlanError, choices
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.language.inputs import IGNORED, TextInputs
from lorasteer.tasks.splits import Index, Splits

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Question:
    """A prompt, and the answers that are scored behind it.

    Args:
        prompt: Token ids up to where the answer begins, at least one.
        answers: Token ids of the right answer, then of the other candidates; each ends with the end of sequence, if there is one.
    """

    prompt: Ids
    answers: tuple[Ids, ...]


@dataclass(frozen=True)
class Sheet:
    """Some examples as questions.

    Args:
        examples: The examples.
        questions: One for each.
        paraphrased: Whether the first candidate behind the right answer says the same in other words, one for each.
        inputs: Digest of the data and of how it is read.
        write: Whether the model is to write answers of its own as well.
    """

    examples: TextExamples
    questions: tuple[Question, ...]
    paraphrased: tuple[bool, ...]
    inputs: str
    write: bool = False

    def __len__(self) -> int:
        return len(self.questions)

    @cached_property
    def digest(self) -> str:
        """sha256 of all tokens and of what is wanted."""
        whole = [[(question.prompt, question.answers) for question in self.questions], self.paraphrased, self.write]
        return hashlib.sha256(json.dumps([whole, self.examples.digest, self.inputs]).encode()).hexdigest()

    @cached_property
    def compressed(self) -> list[int]:
        """Bytes of each right answer's text after zlib."""
        return [len(zlib.compress(answer.encode())) for answer in self.examples.answers]


@dataclass(frozen=True)
class Reach:
    """How much of the data a suite looks at.

    Args:
        examples: Examples of one part at most.
        whole: Parts of which every example is taken nevertheless.
        candidates: Parts whose other candidates are scored too.
        write: Parts to which the model writes answers of its own.
        sheets: Whether further sheets of the data are measured, with candidates, and written where `write` names `sheets`.
    """

    examples: int
    whole: frozenset[str] = frozenset()
    candidates: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()
    sheets: bool = False


REACHES: Mapping[str, Reach] = {
    "quick": Reach(64, candidates=frozenset({"forget"})),
    "full": Reach(
        400, whole=frozenset({"forget", "forget_test"}), candidates=frozenset({"forget", "retain"}),
        write=frozenset({"forget", "forget_test", "retain", "sheets"}), sheets=True,
    ),
}  # fmt: skip
"""Suites of text by name. 400 retained examples are as many as TOFU's own evaluation takes."""


@dataclass(frozen=True)
class Questionnaire:
    """All that a model is asked for one request.

    Args:
        suite: Name of the suite it serves.
        splits: Digest of the splits.
        inputs: The examples as the model reads them.
        parts: Sheets of the parts of the splits, by name.
        sheets: Further sheets of the data, by name.
    """

    suite: str
    splits: str
    inputs: TextInputs
    parts: Mapping[str, Sheet]
    sheets: Mapping[str, Sheet] = field(default_factory=dict)


def prepare(inputs: TextInputs, splits: Splits, suite: str = "quick") -> Questionnaire:
    """The questions of a suite.

    Args:
        inputs: The examples as the model reads them.
        splits: Which of them belong to which part.
        suite: How much is asked.

    Raises:
        PlanError: The suite is unknown.
        DataError: A candidate is longer than the model reads.
    """
    if suite not in REACHES:
        raise PlanError(f"unknown suite {suite!r}. {choices(suite, REACHES)}")
    reach, train, test = REACHES[suite], inputs.data.train, inputs.data.test
    held = train if splits.validation.part == "train" else test
    sources = {
        "forget": (train, splits.forget), "retain": (train, splits.retain), "forget_test": (test, splits.forget_test),
        "retain_test": (test, splits.retain_test), "validation": (held, splits.validation.index),
    }  # fmt: skip
    parts = {
        name: sheet_of(inputs, _chosen(*source, name, reach), candidates=name in reach.candidates, write=name in reach.write)
        for name, source in sources.items()
    }
    sheets = {name: sheet_of(inputs, found, write="sheets" in reach.write) for name, found in inputs.data.sheets.items()}
    return Questionnaire(suite, splits.digest, inputs, parts, sheets if reach.sheets else {})


def sheet_of(inputs: TextInputs, examples: TextExamples, *, candidates: bool = True, write: bool = False) -> Sheet:
    """Examples as questions.

    Args:
        inputs: How texts become tokens.
        examples: The examples.
        candidates: Score paraphrases and wrong answers too, where there are any.
        write: Let the model write answers of its own.
    """
    n = len(examples)
    paraphrases = examples.paraphrases if candidates and examples.paraphrases else ("",) * n
    wrong = examples.perturbed if candidates and examples.perturbed else ((),) * n
    texts = [
        (answer, *((other,) if other else ()), *others)
        for answer, other, others in zip(examples.answers, paraphrases, wrong, strict=True)
    ]
    questions = _questions(inputs, examples.prompts, texts)
    return Sheet(examples, questions, tuple(bool(other) for other in paraphrases), inputs.digest, write)


def probe(ids: Sequence[str], count: int) -> Index:
    """Places of at most `count` examples, drawn by their ids alone: the same ones for every model and every order of the data.

    Args:
        ids: Unique names of the examples.
        count: How many are wanted.

    Returns:
        Places in `ids`, ascending.

    Example:
        >>> probe(["a", "b", "c"], 2).tolist(), probe(["c", "b", "a"], 2).tolist()  # b and c both times
        ([1, 2], [0, 1])
    """
    marks = [hashlib.sha256(name.encode()).digest() for name in ids]
    return np.array(sorted(sorted(range(len(ids)), key=marks.__getitem__)[:count]), np.int64)


def _chosen(examples: TextExamples, index: Index, name: str, reach: Reach) -> TextExamples:
    """Examples of a part within reach; where candidates are scored, those that have wrong answers come first."""
    found = examples.taken(index)
    if name in reach.whole or len(found) <= reach.examples:
        return found
    places = np.arange(len(found))
    if name in reach.candidates and found.perturbed and any(found.perturbed):
        places = np.array([place for place, wrong in enumerate(found.perturbed) if wrong], np.int64)
    return found.taken(places[probe([str(found.ids[place]) for place in places], reach.examples)])


def _questions(inputs: TextInputs, prompts: Sequence[str], answers: Sequence[tuple[str, ...]]) -> tuple[Question, ...]:
    """Tokens of all answers behind their prompts."""
    if not answers:
        return ()
    asked = [prompt for prompt, texts in zip(prompts, answers, strict=True) for _ in texts]
    tokens = inputs.encode(asked, [text for texts in answers for text in texts])
    ids, ends = tokens.ids.tolist(), tokens.lengths.tolist()
    first = (tokens.labels != IGNORED).int().argmax(1).tolist()
    rows = iter(zip(ids, first, ends, strict=True))
    found = []
    for texts in answers:
        own = [next(rows) for _ in texts]
        found.append(Question(tuple(own[0][0][: own[0][1]]), tuple(tuple(row[start:end]) for row, start, end in own)))
    return tuple(found)
