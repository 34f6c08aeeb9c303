"""From words to text data: `facts`, a path, a hub id, or `source:place?option=value`."""

from __future__ import annotations

import dataclasses
from typing import Any

from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.sourcing import load_from


def load_text(spec: str, **options: Any) -> TextData:
    """Load text data whole into memory.

    Args:
        spec: A registered source (`facts`), a path or hub id whose source is recognised, or `source:place`. Options may
            follow after a question mark: `jsonl:questions.jsonl?test_share=0.2`.
        **options: Options of the source; they win over those in `spec`.

    Returns:
        Data whose `name` is a spec that loads the same data again from anywhere on this machine.

    Raises:
        DataError: The source or an option is unknown, or what lies there cannot be read; one line with the next step.

    Example:
        >>> len(load_text("facts?people=8").train)
        40
    """
    data, name = load_from(TEXT_SOURCES, spec, options)
    return dataclasses.replace(data, name=name)
