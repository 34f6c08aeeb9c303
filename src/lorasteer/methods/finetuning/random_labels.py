"""Random labels: teach all weights a wrong class for each forget example, and the right ones for retained examples.

Paper: Golatkar et al., CVPR 2020, arXiv 1911.04933; amnesiac unlearning, Graves et al., AAAI 2021. The wrong class is drawn once
per example and never equals the true one (one reference code redraws each epoch and may draw the true class). On text it is an
adapter that learns, and every answer token is taught another word of the whole vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import cross_entropy
from lorasteer.core.tokens import token_statistics
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.procedure import train_weights
from lorasteer.methods.settings import TextAdapterSettings, WeightSettings
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.methods.training import Objective, train
from lorasteer.records import Plan
from lorasteer.tasks.material import Material


class RandomLabelsSettings(WeightSettings):
    """Settings of `random-labels`."""

    epochs: int = 3
    """Passes over the forget set at most."""
    retain: int = 5000
    """Retain examples to draw batches from."""
    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of them: to be classified rightly."""


class TextRandomLabelsSettings(TextAdapterSettings):
    """Settings of `random-labels` on text."""

    anchor: Literal["kl", "cross-entropy", "none"] = "cross-entropy"
    """What is asked of retain examples: to be answered rightly."""


@METHODS.add(
    "random-labels", family="finetuning", tasks={"vision", "language"}, needs={"labels", "retain"}, paper="arXiv:1911.04933"
)
@dataclass(frozen=True)
class RandomLabels:
    """Teach a random wrong class for each forget example: all weights on images, an adapter and other words on text."""

    settings: RandomLabelsSettings | TextRandomLabelsSettings
    Settings = RandomLabelsSettings
    TextSettings = TextRandomLabelsSettings

    def token_loss(self, batch: TokenBatch, seed: int = 0) -> Tensor:
        """Cross-entropy with another word for each token, mean over each forget answer's tokens."""
        wrong = wrong_tokens(batch, seed=seed)
        return batch.mean(-token_statistics(batch.hidden, batch.weight, batch.bias, wrong).log_prob)

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """New values for the weights that moved; on text an adapter on the linear layers of the blocks."""
        if isinstance(self.settings, TextAdapterSettings):
            objective = TokenObjective(partial(self.token_loss, seed=plan.seed), asks_base=False)
            return train(material, plan, self.settings, Objective(tokens=objective), course)
        return self._on_images(material, plan, self.settings, course)

    def _on_images(self, material: Material, plan: Plan, settings: RandomLabelsSettings, course: Course) -> Change:
        true = material.inputs.labels("train", material.splits.forget)
        wrong = wrong_labels(true, len(material.base.record.classes), seed=plan.seed)

        def loss(batch: ForgetBatch) -> Tensor:
            return cross_entropy(batch.logits, wrong[batch.position])

        return train_weights(material, plan, settings, loss, course)


def wrong_labels(labels: Tensor, classes: int, *, seed: int) -> Tensor:
    """A class other than the true one for each example, all others equally likely.

    Example:
        >>> wrong_labels(torch.tensor([0, 1]), 2, seed=0).tolist()
        [1, 0]
    """
    shift = torch.randint(1, classes, labels.shape, generator=torch.Generator().manual_seed(seed))
    return (labels + shift) % classes


def wrong_tokens(batch: TokenBatch, *, seed: int) -> Tensor:
    """A word other than the right one for each token, all others equally likely, shape [n].

    It follows from the seed, the example's place in the forget set and the token's place in the answer, so that it stays the same
    in every epoch and whatever examples are beside it.
    """
    counts = torch.bincount(batch.row, minlength=batch.rows)
    place = torch.arange(len(batch.row), device=batch.row.device) - (counts.cumsum(0) - counts)[batch.row]
    mixed = _mixed(_mixed(_mixed(torch.full_like(place, seed)) + batch.position[batch.row]) + place)
    words = batch.weight.shape[0]
    return (batch.labels + 1 + torch.remainder(mixed, words - 1)) % words


def _mixed(numbers: Tensor) -> Tensor:
    """Integers [n] that look drawn at random from those given, by multiplications that overflow and shifts (splitmix64)."""
    shuffled = numbers + -7046029254386353131
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        shuffled = (shuffled ^ (shuffled >> shift)) * factor
    return shuffled ^ (shuffled >> 31)
