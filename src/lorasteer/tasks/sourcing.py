"""From words to data by a table of sources: a registered name, a path, a hub id, or `source:place?option=value`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from lorasteer.errors import DataError, choices
from lorasteer.registry import Registry
from lorasteer.tasks.vision.options import call_checked

D = TypeVar("D")


def load_from(sources: Registry[Callable[..., D]], spec: str, options: Mapping[str, Any]) -> tuple[D, str]:
    """Load data by the source that a spec names.

    Args:
        sources: Sources with the facts `recognises`, `needs_location`, `example` and `reads`; its kind names them in messages.
        spec: A registered source, a path or hub id whose source is recognised, or `source:place`, with options after a `?`.
        options: Options of the source; they win over those in `spec`.

    Returns:
        The data, and a spec that loads the same data again from anywhere on this machine.

    Raises:
        DataError: The source or an option is unknown, or what lies there cannot be read; one line with the next step.
    """
    words, written = _split_options(spec)
    source, location = _resolve(sources, words)
    options = {**written, **options}
    what = f"{sources.kind} {source!r}"
    data = call_checked(sources[source].factory, (location,), options, what=what, error=DataError)
    return data, _name(source, location, options)


def _split_options(spec: str) -> tuple[str, dict[str, str]]:
    words, _, query = spec.partition("?")
    if Path(spec).exists():  # a path may hold a question mark
        return spec, {}
    return words, dict(parse_qsl(query, keep_blank_values=True))


def _resolve(sources: Registry[Any], words: str) -> tuple[str, str]:
    head, _, place = words.partition(":")
    if head in sources:
        needs = sources[head]["needs_location"]
        if bool(place) != needs:
            wish = "needs a place after it" if needs else "takes no place"
            raise DataError(f"{sources.kind} {head!r} {wish}, got {words!r}. Write {sources[head]['example']!r}.")
        return head, place
    found = [entry.name for entry in sources if words and entry["recognises"](Path(words))]
    if len(found) == 1:
        return found[0], words
    if found:
        raise DataError(f"{words!r} can be read as {' or '.join(found)}. Write '{found[0]}:{words}' to choose.")
    raise DataError(_unknown(sources, words))


def _unknown(sources: Registry[Any], words: str) -> str:
    if words and Path(words).exists():
        readable = "; ".join(f"{entry.name}: {entry['reads']}" for entry in sources if entry["needs_location"])
        return f"{words!r} holds no {sources.kind.partition(' ')[0]} that is recognised. Allowed are {readable}."
    return (
        f"there is no {sources.kind} and no path {words!r}. {choices(words, sources.names())} "
        "Or give an existing path, or a hub id as hub:owner/name."
    )


def _name(source: str, location: str, options: Mapping[str, Any]) -> str:
    """A spec that needs nothing else: whole paths, and the options that were given."""
    place = str(Path(location).resolve()) if location and Path(location).exists() else location
    query = f"?{urlencode(sorted(options.items()))}" if options else ""
    return f"{source}{':' if place else ''}{place}{query}"
