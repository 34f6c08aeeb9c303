"""Text data in memory: prompts, answers, ids, attributes, other wordings, wrong answers, and a digest of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError
from lorasteer.tasks.splits import Index, Part

DEFAULT_REFUSALS = (
    "I don't know.",
    "I have no information about that.",
    "I'm not able to answer that.",
    "That is something I know nothing about.",
    "I'm afraid I can't tell you that.",
    "I was never told about this.",
    "I'm not familiar with that.",
    "Unfortunately I don't have an answer to this.",
    "I can't say; I have not heard of it.",
    "This is beyond what I know.",
)
"""Answers that say "I do not know", for objectives that put one in the place of what is forgotten."""


@dataclass(frozen=True)
class TextExamples:
    """One set of examples: a prompt and the answer to it.

    Args:
        prompts: What is asked; empty for plain text, which has an answer only.
        answers: What the model shall say; none is empty.
        ids: Unique names of the examples, str, shape [n].
        attributes: Further facts per example by name, each of shape [n]: numbers (continuous) or strings (categorical).
        paraphrases: The right answer in other words, one per example, empty where there is none; None where no example has one.
        perturbed: Wrong answers of the same form, for each example a tuple, empty where there is none; None where no example
            has any.

    Raises:
        DataError: Lengths differ, an answer is empty, an attribute is neither numbers nor text, or ids repeat.
    """

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    ids: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    paraphrases: tuple[str, ...] | None = None
    perturbed: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.answers)
        columns: dict[str, Any] = {"prompts": self.prompts, "ids": self.ids, **self.attributes}
        columns |= {name: value for name in ("paraphrases", "perturbed") if (value := getattr(self, name)) is not None}
        for name, column in columns.items():
            if len(column) != n:
                raise DataError(f"{name!r} has {len(column)} rows but there are {n} answers; give one row per example.")
        for name, column in self.attributes.items():
            if column.ndim != 1 or column.dtype.kind not in "iufU":
                raise DataError(
                    f"attribute {name!r} is {column.dtype} {list(column.shape)}; allowed are numbers or text [{n}]. Convert it."
                )
        if self.ids.dtype.kind != "U":
            raise DataError(f"ids are {self.ids.dtype}; allowed is text. Convert them.")
        if len(np.unique(self.ids)) != n:
            raise DataError(f"{n - len(np.unique(self.ids))} example ids repeat; ids must be unique.")
        empty = [str(name) for name, answer in zip(self.ids, self.answers, strict=True) if not answer.strip()]
        if empty:
            raise DataError(
                f"example {empty[0]!r} has an empty answer ({len(empty)} such examples); remove it or add its answer."
            )

    def __len__(self) -> int:
        return len(self.answers)

    @cached_property
    def digest(self) -> str:
        """sha256 over texts, ids and attributes."""
        attributes = {name: [str(column.dtype.kind), column.tolist()] for name, column in sorted(self.attributes.items())}
        whole = [self.prompts, self.answers, self.ids.tolist(), attributes, self.paraphrases, self.perturbed]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def taken(self, index: Index) -> TextExamples:
        """Some of the examples, in the order given.

        Args:
            index: Positions, shape [m].
        """
        rows = np.asarray(index, np.int64).tolist()
        return TextExamples(
            prompts=tuple(self.prompts[row] for row in rows),
            answers=tuple(self.answers[row] for row in rows),
            ids=self.ids[rows],
            attributes={name: column[rows] for name, column in self.attributes.items()},
            paraphrases=None if self.paraphrases is None else tuple(self.paraphrases[row] for row in rows),
            perturbed=None if self.perturbed is None else tuple(self.perturbed[row] for row in rows),
        )


@dataclass(frozen=True)
class TextData:
    """A data set for a language model.

    Args:
        name: How to load it again, for `load_text`.
        train: Examples the model learns from.
        test: The same facts in other wordings, or examples it never sees; attributes as in train. May be empty.
        sheets: Further sets to measure on, by name, such as `real_authors`.
        refusals: Answers that say "I do not know"; at least one.

    Raises:
        DataError: There is nothing to learn from, or no refusal.
    """

    name: str
    train: TextExamples
    test: TextExamples
    sheets: Mapping[str, TextExamples] = field(default_factory=dict)
    refusals: tuple[str, ...] = DEFAULT_REFUSALS

    written: ClassVar[tuple[str, ...]] = ("prompt", "answer")

    def __post_init__(self) -> None:
        if not len(self.train):
            raise DataError(f"data {self.name!r} has no training example; at least one is needed. Check the file.")
        if not self.refusals or not all(refusal.strip() for refusal in self.refusals):
            raise DataError(f"data {self.name!r} has an empty refusal or none; leave them out to take the usual ones.")

    def columns(self, part: Part) -> dict[str, NDArray[np.generic]]:
        """Facts that a target may name: `prompt`, `answer`, `id`, and every attribute of the part, each of shape [n]."""
        examples: TextExamples = getattr(self, part)
        texts = {"prompt": np.asarray(examples.prompts, np.str_), "answer": np.asarray(examples.answers, np.str_)}
        return {**examples.attributes, **texts, "id": examples.ids}

    @cached_property
    def digest(self) -> str:
        """sha256 over all parts, sheets and refusals."""
        sheets = {name: examples.digest for name, examples in sorted(self.sheets.items())}
        whole = [self.train.digest, self.test.digest, sheets, self.refusals]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def no_examples(like: TextExamples) -> TextExamples:
    """A set without examples, with the attributes of another."""
    return like.taken(np.empty(0, np.int64))
