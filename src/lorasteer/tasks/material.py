"""What a method works on: a frozen base, its examples, which of them to forget, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lorasteer.tasks.activations import Inputs, Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.prefix import replay
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import Observer

FORWARD = 1024  # examples per forward pass without gradients


@dataclass(frozen=True)
class Material:
    """Everything about the model and the data that a method may use.

    Args:
        base: The frozen model.
        inputs: The examples as the model reads them.
        splits: Which of them to forget, to retain, to measure on.
        memory: Activations of the frozen part, remembered.
        retrain: Trains the same kind of model without the forget set: `retrain(seed, observers, checkpoint) -> Base`.
    """

    base: Base
    inputs: Inputs
    splits: Splits
    memory: Memory
    retrain: Callable[[int, Sequence[Observer], Path | None], Base]

    def logits(self, model: nn.Module, part: Part, index: Index, *, layers: Sequence[str] = ()) -> Tensor:
        """Logits of a model on some examples, from remembered activations where it differs from the base only in `layers`.

        Args:
            model: The base, or a view of it with a change in force.
            part: Part of the data.
            index: Positions, shape [n].
            layers: Modules in which the model may differ from the base; empty when it may differ anywhere.

        Returns:
            float32, shape [n, classes].
        """
        if len(index) == 0:
            return torch.zeros(0, len(self.base.record.classes))
        activations = self.memory.before(layers)
        model = self.base.mirror if model is self.base.model else model
        network = getattr(model, "get_base_model", lambda: model)()  # a PEFT wrapper holds the base's module names inside
        blocks = [index[start : start + FORWARD] for start in range(0, len(index), FORWARD)]
        with torch.no_grad(), replay(network, activations.cut, activations.shape) as run:
            return torch.cat([run(activations.rows(part, block)).float() for block in blocks])
