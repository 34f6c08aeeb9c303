"""What the text sources share: rows of plain objects become examples, and a test part is drawn where there is none."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.vision.sources.assemble import Column, column_of, draw_parts, numbered

Row = Mapping[str, Any]
TestShare = Annotated[float, Field(ge=0, lt=1)]
"""Share of the examples that becomes the test part where the data has none of its own; 0 leaves it empty."""
PROMPTS = ("prompt", "question")
OTHER_WORDS = ("paraphrased_question", "paraphrased_answer", "perturbed_answer")


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, plain or gzipped.

    Raises:
        DataError: It cannot be read.
    """
    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Give a file in UTF-8, plain or gzipped.") from error


def read_rows(path: Path) -> list[Row]:
    """Objects of a JSON-lines file, or of a JSON list; plain or gzipped.

    Raises:
        DataError: The file cannot be read, or a line is no JSON object.
    """
    return list(_objects(read_text(path), path))


def _objects(text: str, path: Path) -> Iterator[Row]:
    if text.lstrip().startswith("["):
        yield from (_object(row, f"entry {number}", path) for number, row in enumerate(_parsed(text, "the list", path), 1))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            where = f"line {number}"
            yield _object(_parsed(line, where, path), where, path)


def _parsed(text: str, where: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(
            f"{where} of {path} is no JSON: {error}. Write one object a line, with a prompt and an answer."
        ) from error


def _object(row: Any, where: str, path: Path) -> Row:
    if not isinstance(row, dict):
        raise DataError(
            f"{where} of {path} is {type(row).__name__}; allowed is an object with a prompt and an answer. Correct it."
        )
    return row


def examples_of(rows: Sequence[Row], ids: Sequence[str], where: str, *, prompt: str = "", answer: str = "answer") -> TextExamples:
    """Examples from rows.

    Args:
        rows: Objects with a prompt (`prompt` or `question`) and an answer; `paraphrased_answer` and `perturbed_answer` are the
            right answer in other words and wrong ones; further keys with words or numbers are attributes.
        ids: Names of the examples; a row's own `id` wins.
        where: What holds the rows, for messages.
        prompt: Key of the prompt; the usual ones are tried when empty.
        answer: Key of the answer.

    Raises:
        DataError: A row lacks prompt or answer, or one of its values is of another kind.
    """
    key = prompt or next((name for name in PROMPTS if rows and name in rows[0]), PROMPTS[0])
    used = {key, answer, "id", *OTHER_WORDS}
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in used]
    single = [name for name in names if all(_is_single(row.get(name)) for row in rows)]
    other = any(row.get("paraphrased_answer") for row in rows)
    wrong = any(row.get("perturbed_answer") for row in rows)
    return TextExamples(
        prompts=tuple(_text(row, key, number, where) for number, row in enumerate(rows, 1)),
        answers=tuple(_text(row, answer, number, where) for number, row in enumerate(rows, 1)),
        ids=np.array([str(row.get("id", name)) for row, name in zip(rows, ids, strict=True)], dtype=np.str_),
        attributes={name: attribute(row.get(name) for row in rows) for name in single},
        paraphrases=tuple(str(row.get("paraphrased_answer") or "") for row in rows) if other else None,
        perturbed=tuple(_wrong(row, number, where) for number, row in enumerate(rows, 1)) if wrong else None,
    )


def attribute(values: Iterator[object]) -> Column:
    """One attribute from the values of all rows; numbers where all are numbers, else words, missing ones empty."""
    return column_of(list(values))


def _is_single(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _text(row: Row, key: str, number: int, where: str) -> str:
    if not isinstance(row.get(key), str):
        found = ", ".join(row) or "nothing"
        raise DataError(
            f"example {number} of {where} has no text under {key!r} (it has: {found}); allowed are objects like "
            '{"prompt": "...", "answer": "..."}. Add it, or rename the key.'
        )
    return str(row[key])


def _wrong(row: Row, number: int, where: str) -> tuple[str, ...]:
    given = row.get("perturbed_answer") or []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise DataError(f'perturbed_answer of example {number} of {where} is no list of texts; write it as ["...", "..."].')
    return tuple(given)


def in_other_words(rows: Sequence[Row], ids: Sequence[str]) -> tuple[Sequence[Row], list[str]]:
    """Rows that carry a `paraphrased_question`, asked that way, under ids of the test part."""
    asked = [(row, name) for row, name in zip(rows, ids, strict=True) if row.get("paraphrased_question")]
    plain = [
        {**{k: v for k, v in row.items() if k not in (*PROMPTS, "id")}, "prompt": row["paraphrased_question"]} for row, _ in asked
    ]
    return plain, [f"test/{name.removeprefix('train/')}" for _, name in asked]


def drawn(examples: TextExamples, share: float, seed: int) -> tuple[TextExamples, TextExamples]:
    """Training part, and a random share of the examples as test part.

    Args:
        examples: All of them.
        share: Share of the test part; 0 leaves it empty.
        seed: Same seed, same parts.
    """
    rows = draw_parts(np.zeros(len(examples), np.int64), share, seed)
    return examples.taken(rows["train"]), examples.taken(rows["test"])


def numbered_ids(part: str, n: int) -> list[str]:
    """Ids `part/00000`, `part/00001` … for n examples."""
    return [str(name) for name in numbered(part, n)]
