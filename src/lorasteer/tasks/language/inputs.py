"""From examples to tokens: prompt and answer encoded, labels at the answer's tokens only, padded on the right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from lorasteer.errors import DataError
from lorasteer.records import Settings
from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.splits import Index, Part

IGNORED = -100
"""Label of a position that is not to be predicted."""


class Template(Settings):
    """How a prompt and its answer become one text. An example without a prompt is its answer alone."""

    prompt: str = "Question: {prompt}\nAnswer:"
    """Text before the answer; `{prompt}` stands for the example's prompt."""
    answer: str = " {answer}"
    """Text of the answer; `{answer}` stands for the example's answer."""
    chat: bool = False
    """Ask through the tokenizer's chat template instead; `prompt` and `answer` are then not used."""
    system: str = ""
    """System message of the chat; empty for none."""

    @model_validator(mode="after")
    def _has_places(self) -> Self:
        for name in ("prompt", "answer"):
            if getattr(self, name).count(f"{{{name}}}") != 1:
                raise ValueError(f"template {name!r} must hold {{{name}}} exactly once")
        return self

    def asked(self, prompt: str) -> str:
        """Text before the answer; empty without a prompt."""
        return self.prompt.replace("{prompt}", prompt) if prompt else ""

    def said(self, prompt: str, answer: str) -> str:
        """Text of the answer behind a prompt, or alone."""
        return self.answer.replace("{answer}", answer) if prompt else answer


@dataclass(frozen=True)
class Tokens:
    """A batch of token sequences, padded on the right.

    Args:
        ids: Token ids, int64, shape [batch, length].
        mask: 1 for real tokens and 0 for padding, int64, shape [batch, length].
        labels: The token at each place of an answer (its end of sequence included), -100 elsewhere, int64, shape
            [batch, length]. The token at place i is predicted at place i - 1; place 0 has no label.
    """

    ids: Tensor
    mask: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where answer tokens are predicted: rows [n], columns [n] of the predicting places, labels [n]; row by row."""
        row, column = torch.nonzero(self.labels[:, 1:] != IGNORED, as_tuple=True)
        return row, column, self.labels[row, column + 1]

    def to(self, device: torch.device | str) -> Tokens:
        """The same on another device."""
        return Tokens(self.ids.to(device), self.mask.to(device), self.labels.to(device))

    def taken(self, rows: Tensor) -> Tokens:
        """Some of the sequences, in the order given, without columns of mere padding.

        Args:
            rows: Their places, int64, shape [m].
        """
        ids, mask, labels = self.ids[rows], self.mask[rows], self.labels[rows]
        length = int(mask.sum(1).max()) if len(rows) else 0
        return Tokens(ids[:, :length], mask[:, :length], labels[:, :length])

    @property
    def lengths(self) -> Tensor:
        """Number of real tokens of each sequence, int64, shape [batch]."""
        return self.mask.sum(1)


@dataclass(frozen=True)
class _Encoding:
    """One example: its tokens, and how many of them are the prompt's."""

    ids: list[int]
    prompt: int


@dataclass(frozen=True)
class TextInputs:
    """A data set as a language model reads it.

    Args:
        data: The examples.
        tokenizer: A `transformers` tokenizer; it may lack a padding token, since the mask alone says what is padding.
        template: How prompt and answer become one text.
        max_length: Tokens of one example at most.
        truncate: Cut an answer that is too long instead of refusing it.
    """

    data: TextData
    tokenizer: Any
    template: Template
    max_length: int
    truncate: bool = False

    @cached_property
    def digest(self) -> str:
        """sha256 of the data, the tokenizer and how examples are written."""
        facts = [self.data.digest, tokenizer_digest(self.tokenizer), self.template.digest, self.max_length, self.truncate]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def examples(self, part: Part) -> TextExamples:
        """The examples of a part."""
        return self.data.train if part == "train" else self.data.test

    def size(self, part: Part) -> int:
        """Number of examples in a part."""
        return len(self.examples(part))

    def tokens(self, part: Part, index: Index) -> Tokens:
        """Token sequences of some examples.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [n].

        Raises:
            DataError: An example of the part is longer than `max_length`.
        """
        encoded = self._train if part == "train" else self._test
        return self._padded([encoded[row] for row in np.asarray(index, np.int64).tolist()])

    def lengths(self, part: Part) -> Index:
        """Number of tokens of every example of a part, shape [n]."""
        return self._lengths[part][0]

    def answer_lengths(self, part: Part) -> Index:
        """Number of labelled tokens of every example of a part, shape [n]."""
        return self._lengths[part][1]

    @cached_property
    def _lengths(self) -> dict[Part, tuple[Index, Index]]:
        """Tokens of every example of each part, and how many of them are labelled."""
        return {"train": _lengths(self._train), "test": _lengths(self._test)}

    def encode(self, prompts: Sequence[str], answers: Sequence[str]) -> Tokens:
        """Any other prompts and answers in the same form.

        Raises:
            DataError: One is longer than `max_length`.
        """
        return self._padded(self._encodings(prompts, answers, [f"number {row}" for row in range(len(answers))]))

    def encode_prompts(self, prompts: Sequence[str]) -> Tokens:
        """Prompts alone, up to where the answer begins; nothing is labelled.

        Raises:
            DataError: One leaves no room for an answer.
        """
        return self._padded([_Encoding(ids, len(ids)) for ids in self._prompts(prompts, prompts)])

    def decode(self, ids: Tensor | Sequence[int]) -> str:
        """Text of token ids, shape [n], without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    @cached_property
    def _train(self) -> list[_Encoding]:
        return self._encoded(self.data.train)

    @cached_property
    def _test(self) -> list[_Encoding]:
        return self._encoded(self.data.test)

    def _encoded(self, examples: TextExamples) -> list[_Encoding]:
        return self._encodings(examples.prompts, examples.answers, examples.ids.tolist())

    def _encodings(self, prompts: Sequence[str], answers: Sequence[str], names: Sequence[str]) -> list[_Encoding]:
        asked = self._prompts(prompts, names)
        said = self._answers(prompts, answers, asked)
        return [self._fitted(*triple) for triple in zip(asked, said, names, strict=True)]

    def _prompts(self, prompts: Sequence[str], names: Sequence[str]) -> list[list[int]]:
        ids = self._chats(prompts) if self.template.chat else self._ids([self.template.asked(prompt) for prompt in prompts])
        for name, prompt in zip(names, ids, strict=True):
            if len(prompt) >= self.max_length:
                raise DataError(
                    f"the prompt of example {name!r} has {len(prompt)} tokens and leaves no room for an answer in "
                    f"{self.max_length}. Raise max_length if the model reads more, or shorten the prompt."
                )
        return ids

    def _answers(self, prompts: Sequence[str], answers: Sequence[str], asked: list[list[int]]) -> list[list[int]]:
        """Tokens of each answer as they stand behind its prompt, with the end of the sequence."""
        if self.template.chat:
            own = self._ids(list(answers), bare=True)
        else:
            written = [self.template.said(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
            whole = self._ids([self.template.asked(prompt) + text for prompt, text in zip(prompts, written, strict=True)])
            apart = self._ids(written, bare=True)
            # a token that spans the border would put a part of the answer into the prompt: then the two are encoded apart
            own = [
                text[len(start) :] if text[: len(start)] == start else alone
                for start, text, alone in zip(asked, whole, apart, strict=True)
            ]
        end = self.tokenizer.eos_token_id
        return own if end is None else [[*ids, int(end)] for ids in own]

    def _ids(self, texts: list[str], *, bare: bool = False) -> list[list[int]]:
        """Token ids of each text, after what the tokenizer puts in front of every text unless `bare`."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(
            texts, add_special_tokens=False, padding=False, truncation=False, verbose=False
        )["input_ids"]  # fmt: skip
        front = [] if bare else self._front
        return [[*front, *map(int, row)] for row in ids]

    @cached_property
    def _front(self) -> list[int]:
        """Tokens before every text: what the tokenizer begins with, without what it ends with."""
        added = [int(token) for token in self.tokenizer("")["input_ids"]]
        ends = {self.tokenizer.eos_token_id, self.tokenizer.sep_token_id} - {self.tokenizer.bos_token_id}
        while added and added[-1] in ends:
            added.pop()
        return added

    def _chats(self, prompts: Sequence[str]) -> list[list[int]]:
        if not getattr(self.tokenizer, "chat_template", None):
            raise DataError("the tokenizer has no chat template; give one, or a template of your own with chat=false.")
        system = [{"role": "system", "content": self.template.system}] if self.template.system else []
        talks = [[*system, {"role": "user", "content": prompt}] for prompt in prompts]
        return [
            list(map(int, self.tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)))
            if prompt
            else list(self._front)
            for prompt, talk in zip(prompts, talks, strict=True)
        ]

    def _fitted(self, prompt: list[int], answer: list[int], name: str) -> _Encoding:
        total = len(prompt) + len(answer)
        if total > self.max_length and not self.truncate:
            raise DataError(
                f"example {name!r} has {len(prompt)} tokens of prompt and {len(answer)} of answer, together {total}; allowed are "
                f"{self.max_length}. Raise max_length if the model reads more, or cut long answers with truncate=true."
            )
        return _Encoding([*prompt, *answer][: self.max_length], len(prompt))

    def _padded(self, encodings: Sequence[_Encoding]) -> Tokens:
        length = max((len(one.ids) for one in encodings), default=0)
        shape = (len(encodings), length)
        ids, mask = np.full(shape, self.pad_id, np.int64), np.zeros(shape, np.int64)
        labels = np.full(shape, IGNORED, np.int64)
        for row, one in enumerate(encodings):
            ids[row, : len(one.ids)], mask[row, : len(one.ids)] = one.ids, 1
            first = max(1, one.prompt)  # nothing comes before place 0 that could predict it
            labels[row, first : len(one.ids)] = one.ids[first:]
        return Tokens(*(torch.from_numpy(table) for table in (ids, mask, labels)))

    @property
    def pad_id(self) -> int:
        """Token id that fills the padding: the tokenizer's, or else any; the mask hides it."""
        own = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return int(next(token for token in own if token is not None))


def _lengths(encoded: Sequence[_Encoding]) -> tuple[Index, Index]:
    whole = np.array([len(one.ids) for one in encoded], np.int64)
    labelled = np.array([len(one.ids) - max(1, one.prompt) for one in encoded], np.int64)
    whole.flags.writeable = labelled.flags.writeable = False
    return whole, labelled


def tokenizer_digest(tokenizer: Any) -> str:
    """sha256 of what a tokenizer does: its model, its special tokens, its chat template; not how it was last called."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        what: Any = sorted(tokenizer.get_vocab().items())
    else:
        what = json.loads(backend.to_str())
        what = {name: value for name, value in what.items() if name not in ("padding", "truncation")}
    special = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    facts = [what, special, getattr(tokenizer, "chat_template", None) or ""]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
