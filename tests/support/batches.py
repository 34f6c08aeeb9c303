"""Batches of forget examples made by hand."""

from __future__ import annotations

import torch

from lorasteer.methods.objective import ForgetBatch


def batch(logits: list[list[float]], labels: list[int], reference: list[list[float]] | None = None) -> ForgetBatch:
    """A batch with the given logits; the base said the same unless told otherwise."""
    said = torch.tensor(logits)
    base = said if reference is None else torch.tensor(reference)
    return ForgetBatch(said, torch.tensor(labels), base, torch.arange(len(labels)))
