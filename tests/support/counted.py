"""Counts what a training on text costs: forward passes, the examples in them, and tokens the head speaks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lorasteer.core.scores import Head
from lorasteer.tasks.language.network import Network


@dataclass
class Counts:
    """What was counted.

    Args:
        passes: Examples of each forward pass through a decoder, in order.
        head: Tokens of each call of the head, forward only.
    """

    passes: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)


@contextmanager
def counted() -> Iterator[Counts]:
    """While the block runs, count."""
    counts, run, speak = Counts(), Network.hidden, Head.of

    def hidden(self: Network, tokens: Any, **how: Any) -> Any:
        counts.passes.append(len(tokens))
        return run(self, tokens, **how)

    def of(hidden: Any, *more: Any) -> Head:
        counts.head.append(len(hidden))
        return speak(hidden, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "hidden", hidden)
        patch.setattr(Head, "of", of)
        yield counts
