"""Safetensors files by their header: every tensor of a known type, inside the file, none over another."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lorasteer.errors import WeightsError
from lorasteer.web.uploads.foreign import refuse_foreign
from lorasteer.web.uploads.limits import UploadLimits

Shapes = dict[str, tuple[int, ...]]
BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4,
    "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of a number, by the name of its type."""
_DIMENSIONS, _LARGEST = 16, 2**48


def is_safetensors(start: bytes) -> bool:
    """Whether a file may be one: after eight bytes that say how long the header is, it begins."""
    return start[8:9] == b"{"


def check_safetensors(path: Path, shown: str, limits: UploadLimits) -> Shapes:
    """Check the header of a safetensors file against the file.

    Numbers are not looked at: whoever loads them checks that they are finite.

    Args:
        path: The file.
        shown: Its name, to show.
        limits: Sizes that are allowed.

    Returns:
        Shape of each tensor.

    Raises:
        WeightsError: It is a pickle or something else, or the header does not fit the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(9)
        if not is_safetensors(start):
            refuse_foreign(shown, start + file.read(4_096))
        length = int.from_bytes(start[:8], "little")
        if length > min(limits.header_bytes, size - 8):
            raise _wrong(shown, f"has a header of {length} bytes in a file of {size} (at most {limits.header_bytes})")
        file.seek(8)
        header = _parsed(file.read(length), shown)
    spans = {name: _span(name, facts, shown) for name, facts in header.items()}
    _check_cover(sorted((begin, end) for begin, end, _ in spans.values()), size - 8 - length, shown)
    return {name: shape for name, (_, _, shape) in spans.items()}


def _parsed(text: bytes, shown: str) -> dict[str, Any]:
    """Facts of each tensor."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name is there twice")
        return dict(pairs)

    try:
        header = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise _wrong(shown, f"has a header that is not JSON ({error})") from error
    notes = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise _wrong(shown, "has a header without names of tensors, or with metadata that is not text")
    return dict(header)


def _span(name: str, facts: object, shown: str) -> tuple[int, int, tuple[int, ...]]:
    """Where a tensor begins and ends, and its shape."""
    match facts:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [begin, end], **rest} if (
            not rest and kind in BYTES and len(shape) <= _DIMENSIONS and all(map(_is_size, (*shape, begin, end)))
        ):
            if end - begin == math.prod(shape) * BYTES[kind]:
                return begin, end, tuple(shape)
    raise _wrong(shown, f"says of tensor {name[:60]!r} what cannot be ({str(facts)[:80]})")


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _check_cover(spans: list[tuple[int, int]], size: int, shown: str) -> None:
    """Tensors follow one another and end where the file does."""
    at = 0
    for begin, end in spans:
        if begin != at:
            raise _wrong(shown, f"has a gap or an overlap at byte {begin} of its tensors")
        at = end
    if at != size:
        raise _wrong(shown, f"holds {size} bytes of tensors where its header says {at}; it may be cut short")


def _wrong(shown: str, problem: str) -> WeightsError:
    return WeightsError(f"{shown!r} {problem}; allowed is a whole safetensors file. Save or copy it again.")
