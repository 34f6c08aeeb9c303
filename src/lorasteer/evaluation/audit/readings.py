"""What the last layer of a base reads: for attacks and rankings that need no more of a network than that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lorasteer.errors import PlanError
from lorasteer.evaluation.audit.heads import train_heads
from lorasteer.tasks.activations import FORWARD, Inputs
from lorasteer.tasks.base import Base
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.prefix import find_cut, record
from lorasteer.tasks.splits import Index, Part

EPOCHS, RATE, BATCH = 15, 0.01, 256
"""How last layers are trained from new."""
_PROBE = 4


@dataclass(frozen=True)
class Readings:
    """Labelled examples as the last layer of a base reads them, and that layer.

    Args:
        features: float32, shape [n, d].
        labels: Class numbers, int64, shape [n].
        weight: Of the base's last layer, shape [classes, d].
        bias: Of that layer, shape [classes].
    """

    features: Tensor
    labels: Tensor
    weight: Tensor
    bias: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, base: Base, features: Tensor, labels: Tensor) -> Readings:
        """Features that were read before, with the base's layer."""
        layer = base.model.get_submodule(last_layer(base))
        return cls(features, labels, layer.get_parameter("weight").detach(), layer.get_parameter("bias").detach())

    def retrained(self, inside: Tensor, *, seed: int) -> Tensor:
        """Logits of last layers trained from new, each on some of the examples: float32, shape [k, n, classes].

        Args:
            inside: Which examples each learns from, bool, shape [k, n].
            seed: Fixes first weights and order.
        """
        weights, biases = train_heads(
            self.features, self.labels, inside, len(self.bias), epochs=EPOCHS, learning_rate=RATE, batch_size=BATCH, seed=seed
        )
        return self.features @ weights.transpose(1, 2) + biases[:, None]


def last_layer(base: Base) -> str:
    """Name of the last layer.

    Raises:
        PlanError: The model does not end in a linear layer with a bias.
    """
    name = classifier_head(base.model)[-1]
    if getattr(base.model.get_submodule(name), "bias", None) is None:
        raise PlanError(f"the last layer {name!r} has no bias, as last layers trained from new have. Use shadows of kind 'full'.")
    return name


def reader(base: Base, inputs: Inputs) -> Callable[[Part, Index], Tensor]:
    """A function from examples to what the last layer reads of them, float32, shape [n, d].

    Raises:
        PlanError: The model does not end in a linear layer with a bias that is all its logits come from.
    """
    name = last_layer(base)
    some = inputs.batch("train", np.arange(min(_PROBE, inputs.size("train"))))
    cut = find_cut(base.model, (name,), some, worth_it=0.0)
    if cut.boundary != name:
        raise PlanError(f"the logits come not from the last layer {name!r} alone. Use shadow models of kind 'full'.")

    def read(part: Part, index: Index) -> Tensor:
        blocks = [index[start : start + FORWARD] for start in range(0, len(index), FORWARD)]
        return torch.cat([record(base.model, cut, inputs.batch(part, block))[0].float() for block in blocks])

    return read
