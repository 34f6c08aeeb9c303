"""NumPy archives: arrays of numbers and text, each as long as its header says, none with Python objects."""

from __future__ import annotations

import math
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from lorasteer.web.uploads.archives import Archive
from lorasteer.web.uploads.foreign import is_pickle, refuse_pickle

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_LONGEST_HEADER = 10_000
_UNREADABLE = (
    ValueError,
    EOFError,
    TypeError,
    SyntaxError,
    TokenError,
    RecursionError,
    MemoryError,
)  # a header is a Python literal


def check_arrays(archive: Archive) -> None:
    """Read every array once, without keeping it.

    Raises:
        DataError: A member is no array of numbers or text, or its length is not what its header says.
        WeightsError: A member is or holds a pickle.
    """
    for name in archive.members:
        with archive.reading(name) as file:
            announced = _announced(archive, name, file)
        found = sum(map(len, archive.pieces(name)))
        if found != announced:
            raise archive.wrong(f"holds array {name!r} of {found} bytes, its header says {announced}")


def _announced(archive: Archive, name: str, file: IO[bytes]) -> int:
    """Length of an array with its header, in bytes, as the header says."""
    start = file.read(len(npy.MAGIC_PREFIX) + 2)
    if start[:-2] != npy.MAGIC_PREFIX:
        if is_pickle(start + file.read(4_096)):
            refuse_pickle(f"{archive.shown}: {name}"[:120])
        raise archive.wrong(f"holds {name!r}, which is no array; allowed are arrays that numpy.savez writes")
    read = _HEADERS.get((start[-2], start[-1]))
    if read is None:
        raise archive.wrong(f"holds {name!r} in version {start[-2]}.{start[-1]} of the format; allowed are 1.0 and 2.0")
    try:
        shape, _, dtype = read(file, max_header_size=_LONGEST_HEADER)
    except _UNREADABLE as error:
        raise archive.wrong(f"holds {name!r} with a header that cannot be read ({str(error).splitlines()[0][:80]})") from error
    _check_type(archive, name, dtype)
    return file.tell() + math.prod(map(int, shape)) * dtype.itemsize


def _check_type(archive: Archive, name: str, dtype: np.dtype[Any]) -> None:
    if dtype.hasobject:
        refuse_pickle(f"{archive.shown}: {name}"[:120])
    if dtype.kind not in "biufUS":
        raise archive.wrong(f"holds {name!r} of type {dtype}; allowed are numbers, yes or no, and text")
