"""Words for what is not taken in: above all pickles, under whatever name they come."""

from __future__ import annotations

import pickletools
from typing import NoReturn

from lorasteer.errors import WeightsError

_CALLS = {"GLOBAL", "INST", "STACK_GLOBAL", "REDUCE"}
ACCEPTED = "a .safetensors adapter, a zip of a base folder or of images in class folders, an image, or an .npz"


def is_pickle(start: bytes) -> bool:
    """Whether bytes read as the beginning of a pickle of any protocol; the old ones have no mark, so opcodes are read.

    Example:
        >>> import pickle
        >>> is_pickle(pickle.dumps({"a": 1})), is_pickle(pickle.dumps(print, protocol=0)), is_pickle(b"hello")
        (True, True, False)
    """
    if start[:1] == b"\x80" and b"\x02" <= start[1:2] <= b"\x05":
        return True
    seen = set()
    try:
        for opcode, _, _ in pickletools.genops(start):
            seen.add(opcode.name)
    except (ValueError, IndexError, OverflowError, MemoryError, RecursionError):
        return bool(seen & _CALLS)
    return "STOP" in seen and len(seen) > 1


def refuse_foreign(name: str, start: bytes) -> NoReturn:
    """Say what a file is and why it is not taken in.

    Args:
        name: To show.
        start: Its first bytes.

    Raises:
        WeightsError: Always.
    """
    if is_pickle(start):
        refuse_pickle(name)
    raise WeightsError(f"{name!r} is of no kind that is read; allowed is {ACCEPTED}. Save it as one of these.")


def refuse_pickle(name: str) -> NoReturn:
    """Say why a pickle is not taken in and how to convert it.

    Raises:
        WeightsError: Always.
    """
    raise WeightsError(
        f"{name!r} is or holds a pickle, which can run code when it is opened; allowed is {ACCEPTED}. Convert it where you trust "
        "it: safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')."
    )
