"""Labelled text: sentences with a class each, as a text classifier reads them: rows of token ids of one length."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.errors import DataError, choices
from lorasteer.tasks.language.inputs import tokenizer_digest
from lorasteer.tasks.language.sources.assemble import read_rows, read_text
from lorasteer.tasks.splits import Index, Part
from lorasteer.tasks.vision.sources.assemble import draw_parts, in_order, numbered, numbers_or_words

PADDING = -1
"""Stands where a sentence has ended; no token has this id, so padding is never mistaken for a word."""
_ENDINGS = (".tsv", ".csv", ".jsonl", ".json")


@dataclass(frozen=True)
class LabelledText:
    """One part of a data set.

    Args:
        texts: What is to be classified; none is empty.
        labels: Class numbers, int64, shape [n].
        ids: Unique names of the examples, str, shape [n].
        attributes: Further facts per example by name, each of shape [n]: numbers or strings.

    Raises:
        DataError: Lengths differ, a text is empty, or ids repeat.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in {"texts": self.texts, "ids": self.ids, **self.attributes}.items():
            if len(column) != len(self.labels):
                raise DataError(
                    f"{name!r} has {len(column)} rows but there are {len(self.labels)} labels; give one row per example."
                )
        if len(np.unique(self.ids)) != len(self.ids):
            raise DataError(f"{len(self.ids) - len(np.unique(self.ids))} example ids repeat; ids must be unique.")
        empty = [str(name) for name, text in zip(self.ids, self.texts, strict=True) if not text.strip()]
        if empty:
            raise DataError(f"example {empty[0]!r} has an empty text ({len(empty)} such examples); remove it.")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """sha256 over texts, labels, ids and attributes."""
        attributes = {name: [str(column.dtype.kind), column.tolist()] for name, column in sorted(self.attributes.items())}
        whole = [self.texts, self.labels.tolist(), self.ids.tolist(), attributes]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


@dataclass(frozen=True)
class LabelledData:
    """A data set for a text classifier.

    Args:
        name: How to load it again, for `load_labelled`.
        classes: Class names; label k means `classes[k]`.
        train: Examples the model learns from.
        test: Examples it never sees.

    Raises:
        DataError: There are fewer than two classes, or a label lies outside them.
    """

    name: str
    classes: tuple[str, ...]
    train: LabelledText
    test: LabelledText

    written: ClassVar[tuple[str, ...]] = ("text",)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise DataError(f"class names must be at least two and differ, got {list(self.classes)[:12]}.")
        for part, examples in (("train", self.train), ("test", self.test)):
            bad = np.flatnonzero((examples.labels < 0) | (examples.labels >= len(self.classes)))
            if len(bad):
                raise DataError(
                    f"{part} example '{examples.ids[bad[0]]}' has label {examples.labels[bad[0]]}; allowed are 0 to "
                    f"{len(self.classes) - 1} for {len(self.classes)} classes ({len(bad)} such examples). Correct the labels."
                )

    def columns(self, part: Part) -> dict[str, NDArray[Any]]:
        """Facts that a target may name: `class` (its name), `id`, `text`, and every attribute of the part, each of shape [n]."""
        examples = self.train if part == "train" else self.test
        names = np.asarray(self.classes)[examples.labels]
        return {**examples.attributes, "class": names, "id": examples.ids, "text": np.array(examples.texts, dtype=np.str_)}

    @cached_property
    def digest(self) -> str:
        """sha256 over both parts and the class names."""
        return hashlib.sha256("\0".join([*self.classes, self.train.digest, self.test.digest]).encode()).hexdigest()


@dataclass(frozen=True)
class LabelledInputs:
    """A data set as a text classifier reads it; what remembers activations and trains on images works on it as well.

    Args:
        data: The examples.
        tokenizer: A `transformers` tokenizer, with or without a padding token.
        max_length: Tokens of one example at most.
        truncate: Cut a text that is too long instead of refusing it.
    """

    data: LabelledData
    tokenizer: Any
    max_length: int
    truncate: bool = False

    @cached_property
    def digest(self) -> str:
        """sha256 of the data, the tokenizer and the length."""
        facts = [self.data.digest, tokenizer_digest(self.tokenizer), self.max_length, self.truncate]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def size(self, part: Part) -> int:
        """Number of examples in a part."""
        return len(self._examples(part))

    def batch(self, part: Part, index: Index) -> Tensor:
        """Token ids of these examples, `PADDING` behind their end, int64, shape [n, tokens of the longest example of all].

        Raises:
            DataError: An example is longer than `max_length`.
        """
        return self._tables[part][torch.from_numpy(np.asarray(index, np.int64))]

    def labels(self, part: Part, index: Index) -> Tensor:
        """Class numbers of these examples, shape [n]."""
        return torch.from_numpy(self._examples(part).labels[index])

    def _examples(self, part: Part) -> LabelledText:
        return self.data.train if part == "train" else self.data.test

    @cached_property
    def _tables(self) -> dict[Part, Tensor]:
        ids: dict[Part, list[list[int]]] = {part: self._encoded(part) for part in ("train", "test")}
        longest = max((len(row) for rows in ids.values() for row in rows), default=1)
        return {part: self._table(rows, longest) for part, rows in ids.items()}

    def _encoded(self, part: Part) -> list[list[int]]:
        examples = self._examples(part)
        if not len(examples):
            return []
        limit = {"truncation": True, "max_length": self.max_length} if self.truncate else {}
        ids: list[list[int]] = self.tokenizer(list(examples.texts), padding=False, **limit)["input_ids"]
        for name, row in zip(examples.ids, ids, strict=True):
            if len(row) > self.max_length:
                raise DataError(
                    f"example '{name}' has {len(row)} tokens; allowed are {self.max_length}. Raise max_length if the model reads "
                    "more, or cut long texts with truncate=true."
                )
        return ids

    @staticmethod
    def _table(rows: Sequence[Sequence[int]], length: int) -> Tensor:
        table = np.full((len(rows), length), PADDING, np.int64)
        for place, row in enumerate(rows):
            table[place, : len(row)] = row
        return torch.from_numpy(table)


def load_labelled(spec: str, *, test_share: float = 0.2, seed: int = 0) -> LabelledData:
    """Sentences with classes from a file, or from a folder with a file for each part.

    Args:
        spec: A .tsv, .csv or .jsonl file, plain or gzipped, with the columns `text` (or `sentence`) and `label`, or without
            names and then in this order; or a folder with such a `train` file and a `test` or `dev` file. Further columns are
            attributes.
        test_share: Share of each class in the test part, where there is no file for it.
        seed: Seed of that choice.

    Raises:
        DataError: Nothing readable lies there, or a row has no text or label.
    """
    path = Path(spec)
    if path.is_dir():
        tables = [_find(path, "train"), next((found for name in ("test", "dev") if (found := _find(path, name))), None)]
    else:
        tables = [path if path.is_file() else None, None]
    if tables[0] is None:
        raise DataError(
            f"there is no labelled text at {spec!r}. Give a .tsv, .csv or .jsonl file with text and label, or a folder with "
            "train and test."
        )
    read = [_table_of(table) for table in tables if table is not None]
    classes = in_order(str(label) for table in read for label in table["label"])
    parts = [_part(name, table, classes) for name, table in zip(("train", "test"), read, strict=False)]
    if len(parts) == 1:
        rows = draw_parts(parts[0].labels, test_share, seed)
        parts = [_taken(parts[0], rows[part]) for part in ("train", "test")]
    return LabelledData(str(path.resolve()), classes, *parts)


def _find(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}{ending}{more}" for ending in _ENDINGS for more in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _table_of(path: Path) -> dict[str, list[Any]]:
    """Columns of a file by name."""
    kind = Path(path.name.removesuffix(".gz")).suffix
    if kind in (".jsonl", ".json"):
        rows = read_rows(path)
        names = list(dict.fromkeys(name for row in rows for name in row))
        return _named({name: [row.get(name) for row in rows] for name in names}, path)
    if kind not in (".tsv", ".csv"):
        raise DataError(f"{path} is no table. {choices(kind, _ENDINGS)}")
    return _named(_cells(read_text(path), kind, path), path)


def _cells(text: str, kind: str, path: Path) -> dict[str, list[str]]:
    dialect: Any = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if kind == ".tsv" else {}
    lines = [row for row in csv.reader(io.StringIO(text), **dialect) if row]
    names = [cell.strip().lower() for cell in lines[0]] if lines else []
    head, body = (names, lines[1:]) if "label" in names else (["text", "label"], lines)
    for number, row in enumerate(body, 1 + len(lines) - len(body)):
        if len(row) != len(head):
            raise DataError(
                f"line {number} of {path} has {len(row)} columns; allowed are {len(head)}: {', '.join(head)}. Correct it."
            )
    return {name: [row[place] for row in body] for place, name in enumerate(head)}


def _named(columns: Mapping[str, Sequence[Any]], path: Path) -> dict[str, list[Any]]:
    named = {"text" if name == "sentence" else name: list(column) for name, column in columns.items()}
    for name in ("text", "label"):
        if name not in named or any(value is None or value == "" for value in named[name]):
            found = ", ".join(named) or "none"
            raise DataError(f"{path} has rows without {name!r}; its columns are {found}. Add it to every row.")
    return named


def _part(name: str, table: Mapping[str, list[Any]], classes: Sequence[str]) -> LabelledText:
    number = {label: place for place, label in enumerate(classes)}
    labels = np.array([number[str(label)] for label in table["label"]], np.int64)
    others = {key: column for key, column in table.items() if key not in ("text", "label", "id")}
    attributes = {key: numbers_or_words([str(value) for value in column]) for key, column in others.items()}
    ids = np.array([str(one) for one in table["id"]], dtype=np.str_) if "id" in table else numbered(name, len(labels))
    return LabelledText(tuple(map(str, table["text"])), labels, ids, attributes)


def _taken(examples: LabelledText, index: Index) -> LabelledText:
    texts = tuple(examples.texts[row] for row in index.tolist())
    attributes = {name: column[index] for name, column in examples.attributes.items()}
    return LabelledText(texts, examples.labels[index], examples.ids[index], attributes)
