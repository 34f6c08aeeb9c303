"""Your own questions and answers: one JSON object a line."""

from __future__ import annotations

from pathlib import Path

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextData, no_examples
from lorasteer.tasks.language.sources.assemble import TestShare, drawn, examples_of, in_other_words, numbered_ids, read_rows
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.vision.sources.assemble import Seed

_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


def _is_json(path: Path) -> bool:
    return path.is_file() and path.name.endswith(_ENDINGS)


@TEXT_SOURCES.add(
    "jsonl",
    example="jsonl:questions.jsonl",
    reads='a file with an object a line like {"prompt": "...", "answer": "...", "author": "..."}',
    recognises=_is_json,
)
def jsonl(location: str, *, test: str = "", test_share: TestShare = 0.0, seed: Seed = 0) -> TextData:
    """Prompts and answers from JSON lines; any further key with words or numbers is an attribute.

    Args:
        location: File with an object a line: `prompt` (or `question`), `answer`, and if there are any `id`,
            `paraphrased_question`, `paraphrased_answer`, `perturbed_answer` (a list), attributes.
        test: Another such file for the test part. Without one, the rows that carry a `paraphrased_question` are asked that way.
        test_share: Share of the rows drawn for the test part, where there is neither.
        seed: Seed of that choice.
    """
    path = _file(location)
    rows = read_rows(path)
    ids = numbered_ids("train", len(rows))
    train = examples_of(rows, ids, path.name)
    if test:
        more = read_rows(_file(test))
        return TextData("jsonl", train, examples_of(more, numbered_ids("test", len(more)), Path(test).name))
    asked, names = in_other_words(rows, [str(name) for name in train.ids])
    if asked:
        return TextData("jsonl", train, examples_of(asked, names, path.name))
    return TextData("jsonl", *drawn(train, test_share, seed)) if test_share else TextData("jsonl", train, no_examples(train))


def _file(location: str) -> Path:
    path = Path(location)
    if not path.is_file():
        raise DataError(f"there is no file {location!r}; give the path of a JSON-lines file.")
    return path
