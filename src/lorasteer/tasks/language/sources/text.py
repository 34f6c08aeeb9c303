"""Plain text: every paragraph is an example without a prompt."""

from __future__ import annotations

import re
from pathlib import Path

from lorasteer.tasks.language.data import TextData, no_examples
from lorasteer.tasks.language.sources.assemble import TestShare, drawn, examples_of, numbered_ids, read_text
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.vision.sources.assemble import Seed

_ENDINGS = {".txt", ".md"}


def _is_text(path: Path) -> bool:
    return path.is_file() and path.suffix in _ENDINGS


@TEXT_SOURCES.add(
    "text", example="text:book.txt", reads="a text file in UTF-8, paragraphs apart by an empty line", recognises=_is_text
)
def text(location: str, *, test_share: TestShare = 0.0, seed: Seed = 0) -> TextData:
    """Paragraphs of a text file; the attribute `characters` is how long each is.

    Args:
        location: Text file in UTF-8.
        test_share: Share of the paragraphs drawn for the test part.
        seed: Seed of that choice.
    """
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", read_text(Path(location))) if part.strip()]
    rows = [{"prompt": "", "answer": paragraph, "characters": len(paragraph)} for paragraph in paragraphs]
    whole = examples_of(rows, numbered_ids("train", len(rows)), location)
    return TextData("text", *drawn(whole, test_share, seed)) if test_share else TextData("text", whole, no_examples(whole))
