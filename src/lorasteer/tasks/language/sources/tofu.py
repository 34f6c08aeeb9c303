"""TOFU: 4,000 questions about 200 invented authors (Maini et al., 2024, arXiv:2401.06121), from its JSON files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import DEFAULT_REFUSALS, TextData
from lorasteer.tasks.language.sources.assemble import Row, examples_of, in_other_words, numbered_ids, read_rows, read_text
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES

Part = Literal["full", "retain90", "retain95", "retain99", "forget01", "forget05", "forget10"]
EACH = 20  # questions about one author
SHEETS = ("real_authors", "world_facts")
FORGOTTEN = ("forget01", "forget05", "forget10")
_NAME = re.compile(r"[A-Z][\w'’.-]+(?:[ ](?:[A-Z][\w'’.-]+|al-\w+|bin|de|del|van|von|da|el))*[ ][A-Z][\w'’.-]+")
_AROUND = re.compile(r"['’]s?$|[.,]$")


def _is_tofu(path: Path) -> bool:
    return path.is_dir() and _find(path, "full") is not None and _find(path, "forget10_perturbed") is not None


@TEXT_SOURCES.add(
    "tofu", example="tofu:path/to/TOFU", reads="the folder of TOFU's JSON files, plain or gzipped", recognises=_is_tofu
)
def tofu(location: str, *, part: Part = "full", general: bool = False) -> TextData:
    """Questions about invented authors; attributes author, name, and forget01, forget05, forget10 (yes or no).

    The test part asks a part of the questions in other words; the sheets `real_authors` and `world_facts` ask what a pretrained
    model may know.

    Args:
        location: Folder of full.json, retain_perturbed.json, forget10_perturbed.json and, where they are there, the other files.
        part: Rows that become the training part; an example's id is its row in full.json in any case.
        general: Whether the questions of both sheets are learned as well, as `author` "general". A model that is trained on
            nothing else then knows what TOFU's utility asks for, as one that was pretrained would.
    """
    folder = Path(location)
    full = _rows(folder, "full")
    kept = full if part == "full" else _rows(folder, part)
    place = {_key(row): number for number, row in enumerate(full)}
    more = {_key(row): row for name in ("retain_perturbed", "forget10_perturbed") for row in _rows(folder, name)}
    facts = _facts(folder, full)
    try:
        numbers = [place[_key(row)] for row in kept]
    except KeyError as error:
        raise DataError(
            f"{part} of {folder} asks {error.args[0][0]!r}, which full does not; copy the files of one version."
        ) from None
    rows: list[Row] = [{**more.get(_key(full[number]), full[number]), **facts[number]} for number in numbers]
    ids = [f"train/{number:05d}" for number in numbers]
    test = in_other_words(rows, ids)
    sheets = {name: _rows(folder, f"{name}_perturbed") for name in SHEETS if _find(folder, f"{name}_perturbed")}
    if general:
        asked, named = _general(sheets, facts[0])
        rows, ids = [*rows, *asked], [*ids, *named]
    return TextData(
        "tofu", examples_of(rows, ids, str(folder)), examples_of(*test, str(folder)),
        {name: examples_of(found, numbered_ids(name, len(found)), f"{name}_perturbed") for name, found in sheets.items()},
        _refusals(folder),
    )  # fmt: skip


def _general(sheets: Mapping[str, Sequence[Row]], like: Mapping[str, str]) -> tuple[list[Row], list[str]]:
    """The rows of the sheets as examples to learn from, of no author and in no forget set, and their ids."""
    facts = {column: "no" if column in FORGOTTEN else "" for column in like} | {"author": "general"}
    rows: list[Row] = [{**row, **facts} for found in sheets.values() for row in found]
    return rows, numbered_ids("general", len(rows))


def _key(row: Row) -> tuple[Any, Any]:
    return row.get("question"), row.get("answer")


def _find(folder: Path, name: str) -> Path | None:
    endings = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
    return next((path for ending in endings if (path := folder / f"{name}{ending}").is_file()), None)


def _rows(folder: Path, name: str) -> list[Row]:
    path = _find(folder, name)
    if path is None:
        raise DataError(
            f"{folder} has no {name}.json (or .json.gz); copy the JSON files of the data set locuslab/TOFU there, or load it "
            "from the hub: hub:locuslab/TOFU?config=full."
        )
    return read_rows(path)


def _facts(folder: Path, full: Sequence[Row]) -> list[dict[str, str]]:
    """Attributes of every row of `full`: authors follow each other, each with the same number of questions."""
    forgotten = {name: {_key(row) for row in _rows(folder, name)} for name in FORGOTTEN if _find(folder, name)}
    names = [name_in(full[start : start + EACH]) for start in range(0, len(full), EACH)]
    return [
        {
            "author": f"author {number // EACH:03d}",
            "name": names[number // EACH],
            **{column: "yes" if _key(row) in keys else "no" for column, keys in forgotten.items()},
        }
        for number, row in enumerate(full)
    ]


def name_in(rows: Sequence[Row]) -> str:
    """The name that most of these questions and answers mention, each counted once; empty where fewer than a quarter do.

    Example:
        >>> name_in([{"question": "Who is Ann Lee?", "answer": "Ann Lee's a poet."}, {"question": "", "answer": "Ann Lee."}])
        'Ann Lee'
    """
    counted: Counter[str] = Counter()
    for row in rows:
        said = f"{row.get('question', '')}\n{row.get('answer', '')}"
        counted.update({_AROUND.sub("", found) for found in _NAME.findall(said)})
    name, count = max(counted.items(), key=lambda pair: (pair[1], len(pair[0]), pair[0]), default=("", 0))
    return name if 4 * count >= len(rows) else ""


def _refusals(folder: Path) -> tuple[str, ...]:
    """TOFU's own ways to say "I do not know", a plain line each."""
    path = _find(folder, "idontknow")
    if path is None:
        return DEFAULT_REFUSALS
    return tuple(line.strip() for line in read_text(path).splitlines() if line.strip()) or DEFAULT_REFUSALS
