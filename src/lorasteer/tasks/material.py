"""What a method works on: a frozen base, its examples, which of them to forget, and what is remembered of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from lorasteer.tasks.activations import Activations, Inputs, Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.glance import Glance, glance_at
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.prefix import Replay, Rows, replay
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import Observer


@dataclass(frozen=True)
class Material:
    """Everything about the model and the data that a method may use.

    Args:
        base: The frozen model.
        inputs: The examples as the model reads them.
        splits: Which of them to forget, to retain, to measure on.
        memory: Activations of the frozen part, remembered.
        retrain: Trains the same kind of model without the forget set: `retrain(seed, observers, checkpoint) -> Base`.
        ground: The base with earlier changes in force, for a training on top of them; None where it begins at the base itself.
        altered: Modules in which the ground differs from the base.
    """

    task: ClassVar[str] = "vision"
    base: Base
    inputs: Inputs
    splits: Splits
    memory: Memory
    retrain: Callable[[int, Sequence[Observer], Path | None], Base]
    ground: Base | None = None
    altered: tuple[str, ...] = ()

    @property
    def standing(self) -> Base:
        """What a training changes and compares with: the ground where there is one, else the base."""
        return self.base if self.ground is None else self.ground

    def before(self, layers: Sequence[str]) -> Activations:
        """Remembered activations for a model that differs from what it stands on in these layers; all layers where none is named.

        The rows are the base's own, so they serve every ground that differs from the base behind the cut only.
        """
        return self.memory.before(tuple(dict.fromkeys((*self.altered, *layers))) if layers else ())

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
        with self.asking(model, layers) as ask:
            return ask(self.blocks(part, index, layers))

    def blocks(self, part: Part, index: Index, layers: Sequence[str]) -> Iterator[Rows]:
        """What is remembered of some examples before these layers, as many at a time as go through a model together."""
        return self.memory.before(layers).blocks(part, index)

    @contextlib.contextmanager
    def asking(self, model: nn.Module, layers: Sequence[str], *, known: str = "") -> Iterator[Callable[[Iterable[Rows]], Tensor]]:
        """A function from blocks, remembered before these layers, to a model's logits, float32, shape [n, classes].

        Args:
            model: The base, or a view of it with a change in force.
            layers: Modules in which it may differ from the base; empty when it may differ anywhere.
            known: Name of a module whose answer may come with the rows, last, and is then not computed.
        """
        nobody = torch.zeros(0, len(self.base.record.classes))
        with torch.no_grad(), self._replayed(model, layers, known) as (_, run):
            yield lambda blocks: torch.cat([nobody, *(run(rows).float() for rows in blocks)])

    def glance(self, model: nn.Module, part: Part, index: Index, *, layers: Sequence[str]) -> Glance:
        """What a model answers to some examples, and the features its last layer reads.

        Args:
            model: The base, or a view of it with a change in force.
            part: Part of the data.
            index: Positions, shape [n], at least one.
            layers: Modules in which it may differ from the base; empty for all.
        """
        with self._replayed(model, layers) as (network, run):
            return glance_at(network, run, self.blocks(part, index, layers), classifier_head(self.base.model)[-1])

    @contextlib.contextmanager
    def _replayed(self, model: nn.Module, layers: Sequence[str], known: str = "") -> Iterator[tuple[nn.Module, Replay]]:
        """The network that holds the base's module names, and a function from its remembered rows to its logits."""
        activations = self.memory.before(layers)
        model = self.base.mirror if model is self.base.model else model
        network = getattr(model, "get_base_model", lambda: model)()  # a PEFT wrapper holds the base's module names inside
        with replay(network, activations.cut, activations.shape, known=known) as run:
            yield network, run
