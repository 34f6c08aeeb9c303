"""Scores of a vocabulary made block by block, so that a matrix of tokens by vocabulary never exists whole.

Notation: n tokens, d numbers per hidden state, V words in the vocabulary. Scores are hidden @ weight.T + bias, summed in float32
whatever the inputs hold (in float64 where the hidden states do).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

CHUNK = 2**25  # bytes of one block of scores
_WIDE = "out_dtype" in (torch.mm.__doc__ or "")  # torch from 2.8 on
_MOST_TOKENS = 1024  # of one block; beyond it a product of matrices gains no speed


@dataclass(frozen=True)
class Block:
    """Some tokens beside some words.

    Args:
        tokens: Which tokens.
        words: Which words.
        weight: Their rows of the head, shape [words, d].
        bias: Their part of the bias, shape [words]; None where the head has none.
        dtype: In which sums are taken.
    """

    tokens: slice
    words: slice
    weight: Tensor
    bias: Tensor | None
    dtype: torch.dtype

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores of the block from the hidden states of all tokens [n, d], shape [tokens, words]."""
        made = _product(hidden[self.tokens], self.weight.T, self.dtype)
        return made if self.bias is None else made.add_(self.bias)

    def hidden_slope(self, slope: Tensor) -> Tensor:
        """What a gradient in the scores [tokens, words] is in the hidden states, shape [tokens, d]."""
        return _product(slope, self.weight, self.dtype)

    def place(self, word: Tensor) -> tuple[Tensor, Tensor]:
        """Where one word for each of all tokens [n] stands in the block: its column [tokens, 1], and whether it is in it."""
        column = word[self.tokens, None] - self.words.start
        inside = (column >= 0) & (column < len(self.weight))
        return torch.where(inside, column, 0), inside


@dataclass(frozen=True)
class Head:
    """The last layer of a language model, cut into blocks.

    Args:
        weight: Shape [V, d].
        bias: Shape [V], or None.
        tokens: How many tokens it is to score.
        dtype: In which sums are taken.
        chunk: Bytes of one block at most, but for a block of one token and one word.
    """

    weight: Tensor
    bias: Tensor | None
    tokens: int
    dtype: torch.dtype
    chunk: int

    @classmethod
    def of(cls, hidden: Tensor, weight: Tensor, bias: Tensor | None, chunk: int) -> Head:
        """A head that sums in float32, or in float64 where the hidden states are float64."""
        dtype = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        return cls(weight, bias, len(hidden), dtype, chunk)

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Tokens and words of one block."""
        numbers = max(1, self.chunk // self.dtype.itemsize)
        if self.tokens * len(self.weight) <= numbers:
            return max(1, self.tokens), len(self.weight)
        tokens = min(self.tokens, _MOST_TOKENS, numbers)
        # rows of a half precision head are copied too, and such a copy shall not be larger than the block either
        return tokens, min(len(self.weight), max(1, numbers // max(tokens, self.weight.shape[1])))

    @property
    def whole(self) -> bool:
        """Whether one block holds everything, so that its scores may be kept."""
        return self.sizes == (max(1, self.tokens), len(self.weight))

    def blocks(self) -> Iterator[Block]:
        """All blocks; those of the same words follow each other, so that a copy of their rows is made once."""
        tokens, words = self.sizes
        for some in _spans(len(self.weight), words):
            rows = self.weight[some] if _sums_wide(self.weight) else self.weight[some].to(self.dtype)
            bias = None if self.bias is None else self.bias[some].to(self.dtype)
            for few in _spans(self.tokens, tokens):
                yield Block(few, some, rows, bias, self.dtype)


class Slopes:
    """Gradients in hidden states, weight and bias, gathered block by block; only those that are wanted.

    Args:
        hidden: Hidden states, shape [n, d].
        head: What scored them.
        wanted: Whether the gradient in hidden states, weight and bias is asked for.
    """

    def __init__(self, hidden: Tensor, head: Head, wanted: tuple[bool, bool, bool]) -> None:
        self._source, self._head = hidden, head
        parts = (hidden, head.weight, head.bias)
        self._sums = [
            torch.zeros(part.shape, dtype=head.dtype, device=part.device) if part is not None and want else None
            for part, want in zip(parts, wanted, strict=True)
        ]

    def add(self, block: Block, slope: Tensor) -> None:
        """Take in the gradient in the scores of one block, shape [tokens, words]."""
        hidden, weight, bias = self._sums
        if hidden is not None:
            hidden[block.tokens] += block.hidden_slope(slope)
        if weight is not None:
            weight[block.words] += slope.T @ self._source[block.tokens].to(slope.dtype)
        if bias is not None:
            bias[block.words] += slope.sum(0)

    def done(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The gradients in the types of what they belong to; None where not wanted."""
        hidden, weight, bias = self._sums
        return (
            None if hidden is None else hidden.to(self._source.dtype),
            None if weight is None else weight.to(self._head.weight.dtype),
            None if bias is None or self._head.bias is None else bias.to(self._head.bias.dtype),
        )


def _spans(size: int, step: int) -> Iterator[slice]:
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def _sums_wide(weight: Tensor) -> bool:
    """Whether the device multiplies matrices of this type and sums them in float32 without a copy of them in float32."""
    return _WIDE and weight.is_cuda and weight.dtype in (torch.float16, torch.bfloat16)


def _product(left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
    """The product of two matrices, summed in `dtype`."""
    if _sums_wide(right) and dtype == torch.float32:
        return torch.mm(left.to(right.dtype), right, out_dtype=dtype)
    return left.to(dtype) @ right.to(dtype)
