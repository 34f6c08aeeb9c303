"""A quick look at a model: what it answers to some examples, and the features that its last layer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lorasteer.tasks.prefix import Replay, Rows
from lorasteer.tasks.splits import Index, Part


class Glance(NamedTuple):
    """What a model says to some examples.

    Args:
        logits: Its answers, float32, shape [n, classes].
        features: What its last layer reads, float32, shape [n, d].
    """

    logits: Tensor
    features: Tensor


Glancer = Callable[[Part, Index], Glance]
"""Looks at a model through some examples of a part of the data."""


def glance_at(network: nn.Module, run: Replay, blocks: Iterable[Rows], head: str) -> Glance:
    """Look at a network. It is left without hooks, and the random numbers are left alone.

    Args:
        network: Holds the base's module names; in evaluation mode.
        run: Remembered rows to its logits.
        blocks: What is remembered of the examples, at least one block.
        head: Name of its last layer.
    """
    read: list[Tensor] = []

    def listen(module: nn.Module, args: tuple[Any, ...]) -> None:
        read.append(args[0].flatten(1).float())

    handle = network.get_submodule(head).register_forward_pre_hook(listen)
    try:
        with torch.no_grad():
            said = [run(rows).float() for rows in blocks]
    finally:
        handle.remove()
    return Glance(torch.cat(said), torch.cat(read))
