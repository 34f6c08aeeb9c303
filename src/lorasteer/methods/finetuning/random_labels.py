"""Random labels: teach all weights a wrong class for each forget example, and the right ones for retained examples.

Paper: Golatkar et al., CVPR 2020, arXiv 1911.04933; amnesiac unlearning, Graves et al., AAAI 2021. The wrong class is drawn once
per example and never equals the true one (one reference code redraws each epoch and may draw the true class).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.core.losses import cross_entropy
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetBatch
from lorasteer.methods.procedure import train_weights
from lorasteer.methods.settings import WeightSettings
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


@METHODS.add("random-labels", family="finetuning", tasks={"vision"}, needs={"labels", "retain"}, paper="arXiv:1911.04933")
@dataclass(frozen=True)
class RandomLabels:
    """Teach all weights a random wrong class for each forget example."""

    settings: RandomLabelsSettings
    Settings = RandomLabelsSettings

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """New values for the weights that moved."""
        true = material.inputs.labels("train", material.splits.forget)
        wrong = wrong_labels(true, len(material.base.record.classes), seed=plan.seed)

        def loss(batch: ForgetBatch) -> Tensor:
            return cross_entropy(batch.logits, wrong[batch.position])

        return train_weights(material, plan, self.settings, loss, course)


def wrong_labels(labels: Tensor, classes: int, *, seed: int) -> Tensor:
    """A class other than the true one for each example, all others equally likely.

    Example:
        >>> wrong_labels(torch.tensor([0, 1]), 2, seed=0).tolist()
        [1, 0]
    """
    shift = torch.randint(1, classes, labels.shape, generator=torch.Generator().manual_seed(seed))
    return (labels + shift) % classes
