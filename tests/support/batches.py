"""Batches of forget examples made by hand: logits of images, and answer tokens of text."""

from __future__ import annotations

import torch

from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.tokens import TokenBatch


def batch(logits: list[list[float]], labels: list[int], reference: list[list[float]] | None = None) -> ForgetBatch:
    """A batch with the given logits; the base said the same unless told otherwise."""
    said = torch.tensor(logits)
    base = said if reference is None else torch.tensor(reference)
    return ForgetBatch(said, torch.tensor(labels), base, torch.arange(len(labels)))


def tokens(
    said: list[list[float]],
    labels: list[int],
    row: list[int] | None = None,
    *,
    reference: list[list[float]] | None = None,
    alternative: TokenBatch | None = None,
) -> TokenBatch:
    """Answer tokens that are predicted with the given probabilities; of one example each, unless told otherwise.

    The head reads the logarithms of the probabilities and leaves them as they are; a probability of 0 is e^-100.
    """
    hidden, base = (torch.tensor(p).log().clamp(min=-100) for p in (said, said if reference is None else reference))
    rows = torch.arange(len(labels)) if row is None else torch.tensor(row)
    words = hidden.shape[1]
    places = torch.arange(int(rows.max()) + 1)
    return TokenBatch(hidden, base, torch.tensor(labels), rows, places, torch.eye(words), None, alternative)
