"""What a method works on for text: a frozen language model, its examples, which of them to forget, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import nn

from lorasteer.tasks.base import Base
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.memory import TextActivations, TextMemory
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.training import Observer


@dataclass(frozen=True)
class TextMaterial:
    """Everything about the model and the data that a method may use.

    Args:
        base: The frozen model.
        inputs: The examples as the model reads them.
        splits: Which of them to forget, to retain, to measure on.
        memory: Hidden states of the frozen part, remembered.
        retrain: Trains the same kind of model without the forget set: `retrain(seed, observers, checkpoint) -> Base`.
        ground: The base with earlier changes in force, for a training on top of them; None where it begins at the base itself.
        altered: Modules in which the ground differs from the base.
    """

    task: ClassVar[str] = "language"
    base: Base
    inputs: TextInputs
    splits: Splits
    memory: TextMemory
    retrain: Callable[[int, Sequence[Observer], Path | None], Base]
    ground: Base | None = None
    altered: tuple[str, ...] = ()

    @property
    def standing(self) -> Base:
        """What a training changes and compares with: the ground where there is one, else the base."""
        return self.base if self.ground is None else self.ground

    def before(self, layers: Sequence[str]) -> TextActivations:
        """Remembered states for a model that differs from what it stands on in these layers; all layers where none is named."""
        return self.memory.before(tuple(dict.fromkeys((*self.altered, *layers))) if layers else ())

    def network(self, model: nn.Module | None = None) -> Network:
        """Decoder, blocks and head of a model: of what the material stands on where none is given."""
        return Network.of(self.standing.model if model is None else model)
