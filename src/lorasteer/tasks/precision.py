"""Which arithmetic trains a network fastest on this machine: measured, not guessed."""

from __future__ import annotations

import copy
import time
from typing import Literal

import torch
from torch import Tensor, nn

from lorasteer.tasks.outputs import logits_of

Precision = Literal["fp32", "bf16"]
CLEARLY_FASTER = 1.3  # bf16 must win by this factor; near a tie the exact format is kept
SMALL = 0.02  # seconds of a step below which there is nothing to gain


def fastest_precision(model: nn.Module, batch: Tensor) -> Precision:
    """Time a training step in fp32 and in bf16 autocast with channels-last images, on a copy of the model.

    The answer may differ between machines, so whoever trains records it with the result and repeats from the record.

    Args:
        model: Network to train.
        batch: One batch of its input.

    Returns:
        `bf16` where it is clearly faster, else `fp32`.
    """
    exact = _seconds(model, batch, low=False)
    if exact < SMALL:
        return "fp32"
    return "bf16" if exact > CLEARLY_FASTER * _seconds(model, batch, low=True) else "fp32"


def lay_out(model: nn.Module, layout: torch.memory_format) -> None:
    """Order the numbers of all convolution kernels in memory; their values stay."""
    for parameter in model.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)


def _seconds(model: nn.Module, batch: Tensor, *, low: bool) -> float:
    """Best of three steps after one to warm up."""
    layout = torch.channels_last if low and batch.dim() == 4 else torch.contiguous_format
    network, batch = copy.deepcopy(model).train(), batch.contiguous(memory_format=layout)
    lay_out(network, layout)
    times = []
    for _ in range(4):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            total = logits_of(network(batch)).float().square().mean()
        torch.autograd.backward(total)
        times.append(time.perf_counter() - started)
    return min(times[1:])
