"""How a refusal is checked: one line that holds the words a person needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def refuses(error: type[Exception], *words: str) -> Iterator[None]:
    """The block raises `error` with a message of one line that contains all these words and ends in a full stop."""
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message, message
    assert message.endswith("."), message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"
