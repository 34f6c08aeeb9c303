"""From words to text data: `facts`, a path, a hub id, or `source:place?option=value`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lorasteer.errors import DataError, choices
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.vision.options import call_checked


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
    words, written = _split_options(spec)
    source, location = _resolve(words)
    options = {**written, **options}
    factory = TEXT_SOURCES[source].factory
    data = call_checked(factory, (location,), options, what=f"text source {source!r}", error=DataError)
    return dataclasses.replace(data, name=_name(source, location, options))


def _split_options(spec: str) -> tuple[str, dict[str, str]]:
    words, _, query = spec.partition("?")
    if Path(spec).exists():  # a path may hold a question mark
        return spec, {}
    return words, dict(parse_qsl(query, keep_blank_values=True))


def _resolve(words: str) -> tuple[str, str]:
    head, _, place = words.partition(":")
    if head in TEXT_SOURCES:
        needs = TEXT_SOURCES[head]["needs_location"]
        if bool(place) != needs:
            wish = "needs a place after it" if needs else "takes no place"
            raise DataError(f"text source {head!r} {wish}, got {words!r}. Write {TEXT_SOURCES[head]['example']!r}.")
        return head, place
    found = [entry.name for entry in TEXT_SOURCES if words and entry["recognises"](Path(words))]
    if len(found) == 1:
        return found[0], words
    if found:
        raise DataError(f"{words!r} can be read as {' or '.join(found)}. Write '{found[0]}:{words}' to choose.")
    raise DataError(_unknown(words))


def _unknown(words: str) -> str:
    if words and Path(words).exists():
        readable = "; ".join(f"{entry.name}: {entry['reads']}" for entry in TEXT_SOURCES if entry["needs_location"])
        return f"{words!r} holds no text that is recognised. Allowed are {readable}."
    return (
        f"there is no text source and no path {words!r}. {choices(words, TEXT_SOURCES.names())} "
        "Or give an existing path, or a hub id as hub:owner/name."
    )


def _name(source: str, location: str, options: dict[str, Any]) -> str:
    """A spec that needs nothing else: whole paths, and the options that were given."""
    place = str(Path(location).resolve()) if location and Path(location).exists() else location
    query = f"?{urlencode(sorted(options.items()))}" if options else ""
    return f"{source}{':' if place else ''}{place}{query}"
