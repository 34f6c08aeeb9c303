"""RWKU: questions about 200 well-known people at three levels (Jin et al., 2024, arXiv:2406.10890), from its own JSON files.

The benchmark keeps a folder for each person: `forget_level1.json` (sentences with a gap), `forget_level2.json` (questions),
`forget_level3.json` (nine kinds of adversarial questions), `neighbor_level1.json` and `neighbor_level2.json` (about related
things that must stay), `forget_mia.json` and `retain_mia.json` (texts about the person, and about others). Its rows hold
`query`, `answer`, `level`, `type` and `subject`; neighbours a `neighbor` as well; texts a `text`. These names are RWKU's; its
repository (jinzhuoran/RWKU) states no licence, so neither its data nor its wording is part of this program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.language.sources.assemble import Row, examples_of, numbered_ids, read_rows
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES

KNOWN = {"forget_level1": "forget", "forget_level2": "forget", "neighbor_level1": "neighbor", "neighbor_level2": "neighbor"}
"""Files that become the training part, and the side of each."""
ADVERSARIAL = "forget_level3"
TEXTS = {"member_texts": "forget_mia", "other_texts": "retain_mia"}
"""Sheets of plain texts, and the file of each: about the person, and about others."""
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_NOTHING = np.empty(0, np.int64)
_COLUMNS = ("subject", "level", "type", "side", "neighbor")


def _is_rwku(path: Path) -> bool:
    return path.is_dir() and any(_find(folder, "forget_level2") for folder in _folders(path))


@TEXT_SOURCES.add(
    "rwku",
    example="rwku:path/to/RWKU/Target/1_Stephen_King",
    reads="the folder of one person's JSON files, or the folder of all of these",
    recognises=_is_rwku,
)
def rwku(location: str) -> TextData:
    """Questions about people; attributes subject, level, type, side (forget or neighbor) and neighbor.

    The training part holds the first two levels and the neighbours, the test part the adversarial questions, whose `type` is the
    kind of probe. Texts about the people and about others are the sheets `member_texts` and `other_texts`.

    Args:
        location: Folder of one person's files, or the folder that holds such folders.
    """
    folders = _folders(Path(location))
    if not any(_find(folder, name) for folder in folders for name in KNOWN):
        raise DataError(
            f"{location} has no forget_level1.json, forget_level2.json or neighbor files, nor has a folder in it; copy RWKU's "
            "folder of a person there, as its data_process.py writes it."
        )
    known = [row for folder in folders for name, side in KNOWN.items() for row in _questions(folder, name, side)]
    adversarial = [row for folder in folders for row in _questions(folder, ADVERSARIAL, "forget")]
    sheets = {sheet: [row for folder in folders for row in _texts(folder, name)] for sheet, name in TEXTS.items()}
    return TextData(
        "rwku", _part("train", known, location), _part("test", adversarial, location),
        {sheet: _part(sheet, rows, location) for sheet, rows in sheets.items() if rows},
    )  # fmt: skip


def _folders(path: Path) -> list[Path]:
    """The folder itself where it holds a person's files, else those in it that do, in the order of their numbers."""
    if any(_find(path, name) for name in (*KNOWN, ADVERSARIAL)):
        return [path]
    inside = [one for one in path.iterdir() if one.is_dir()] if path.is_dir() else []
    return sorted((one for one in inside if any(_find(one, name) for name in KNOWN)), key=_number)


def _number(folder: Path) -> tuple[int, str]:
    """`2_Bo_Ek` before `10_Cy_Elm`."""
    number = folder.name.partition("_")[0]
    return (int(number) if number.isdecimal() else 0, folder.name)


def _find(folder: Path, name: str) -> Path | None:
    return next((path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()), None)


def _rows(folder: Path, name: str) -> Sequence[Row]:
    path = _find(folder, name)
    return read_rows(path) if path else ()


def _questions(folder: Path, name: str, side: str) -> Iterator[Row]:
    """Rows of a file, each with the same columns: what a row lacks follows from its file, or is empty."""
    level = name[-1]
    for number, row in enumerate(_rows(folder, name), 1):
        for key in ("query", "answer"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise DataError(
                    f'row {number} of {folder / name} has no text under {key!r}; RWKU writes {{"query": "...", "answer": "...", '
                    '"level": "1", "type": "cloze", "subject": "..."}. Restore the file.'
                )
        said = {key: str(row.get(key) or "") for key in _COLUMNS}
        yield {"prompt": row["query"], "answer": row["answer"], **said, "level": said["level"] or level, "side": side}


def _texts(folder: Path, name: str) -> Iterator[Row]:
    for row in _rows(folder, name):
        if isinstance(row.get("text"), str) and row["text"].strip():
            yield {"prompt": "", "answer": row["text"], "subject": str(row.get("subject") or "")}


def _part(part: str, rows: Sequence[Row], location: str) -> TextExamples:
    """Examples of a part; one without rows has the columns nevertheless."""
    if rows:
        return examples_of(rows, numbered_ids(part, len(rows)), location, prompt="prompt")
    empty = {"prompt": "", "answer": "-", **dict.fromkeys(_COLUMNS, "")}
    return examples_of([empty], ["-"], location, prompt="prompt").taken(_NOTHING)
