"""Small outputs with chosen probabilities, from which every expected number can be worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lorasteer.evaluation import Outputs, Predictions

NOBODY = Predictions(torch.empty(0, 2), torch.empty(0, dtype=torch.int64))


def sure(*confidence: float, label: int = 0) -> Predictions:
    """Two classes, all examples of one: the probability of the true class of each; it is right when above 1/2."""
    true = torch.tensor(confidence, dtype=torch.float32)
    both = torch.stack([true, 1 - true] if label == 0 else [1 - true, true], 1)
    return Predictions(both.log(), torch.full((len(confidence),), label))


def said(logits: Sequence[Sequence[float]], labels: Sequence[int]) -> Predictions:
    return Predictions(torch.tensor(logits), torch.tensor(labels))


def outputs(subject: str = "lora-ihl", **parts: Any) -> Outputs:
    """Outputs with the given parts; the others are empty."""
    empty = dict.fromkeys(("forget", "retain", "forget_test", "retain_test", "validation"), NOBODY)
    return Outputs(**{"subject": subject, "model": "m", "splits": "s", **empty, **parts})


def random_outputs(
    subject: str, seed: int, *, sizes: Sequence[int] = (12, 20, 9, 15, 8), classes: int = 3, scale: float = 3.0, **more: Any
) -> Outputs:
    """Random logits; the labels depend on the sizes alone, so that models of equal sizes compare."""
    generator, truth = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(0)
    parts = [
        Predictions(scale * torch.randn(n, classes, generator=generator), torch.randint(0, classes, (n,), generator=truth))
        for n in sizes
    ]
    return outputs(
        subject, **dict(zip(("forget", "retain", "forget_test", "retain_test", "validation"), parts, strict=True)), **more
    )
