"""A quick look at a model: what it answers to some examples, and the features that its last layer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Reading:
    """What one check saw: shares of right answers, and how well confidence tells forget from unseen examples (0.5: not).

    On text the shares are mean probabilities of the right answer, and `truth` says how likely wrong answers are beside it.
    """

    forget: float
    retain: float
    unseen: float | None = None
    membership: float | None = None
    truth: float | None = None

    @property
    def words(self) -> str:
        """What is left of what is to go, and of what is to stay.

        Example:
            >>> Reading(0.421, 0.975).words, Reading(0.1, 0.9, truth=0.68).words
            ('forget 42.1%, retain 97.5%', 'forget 10.0%, retain 90.0%, truth ratio 0.68')
        """
        truth = "" if self.truth is None else f", truth ratio {self.truth:.2f}"
        return f"forget {self.forget:.1%}, retain {self.retain:.1%}{truth}"


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
