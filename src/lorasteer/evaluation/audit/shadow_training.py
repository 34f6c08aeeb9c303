"""Training shadow models: last layers many at once, or networks one by one behind what is frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from lorasteer.errors import PlanError, TrainingDiverged
from lorasteer.evaluation.audit.heads import train_heads
from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.readings import BATCH, last_layer, reader
from lorasteer.tasks.activations import FORWARD
from lorasteer.tasks.base import Base
from lorasteer.tasks.prefix import Cut, Rows, find_cut, record, replay
from lorasteer.tasks.tensors import Tensors
from lorasteer.tasks.training import FitSettings, fit

LOGITS = "logits"  # beside the trained tensors of a shadow model: what it says about the candidates
_PROBE = 4


@dataclass(frozen=True)
class Apprenticeship:
    """What shadow models learn from.

    Args:
        base: What they are like.
        pool: Their examples.
        inside: Which of them each learns from, bool, shape [k, len(pool)].
        recipe: How networks are trained.
        seed: Shadow model number i is trained with this seed + i.
    """

    base: Base
    pool: Pool
    inside: Tensor
    recipe: FitSettings
    seed: int

    @cached_property
    def labels(self) -> Tensor:
        """Class number of each example of the pool, int64."""
        return self.pool.labels("train", np.arange(len(self.pool)))


class Heads:
    """Makes shadow models that differ from the base in the last linear layer.

    Args:
        task: What they learn from.
        epochs: Passes over the pool.
        learning_rate: At the start.
    """

    def __init__(self, task: Apprenticeship, epochs: int, learning_rate: float) -> None:
        self._task, self._epochs, self._rate = task, epochs, learning_rate
        self._name, self._read = last_layer(task.base), reader(task.base, task.pool)

    @cached_property
    def _features(self) -> Tensor:
        return self._read("train", np.arange(len(self._task.pool)))

    def __call__(self, block: range) -> list[Tensors]:
        """Train the shadow models of a block together: the same block gives the same numbers."""
        task = self._task
        features, classes = self._features, task.base.model.get_submodule(self._name).get_parameter("weight").shape[0]
        weights, biases = train_heads(
            features, task.labels, task.inside[block.start : block.stop], classes,
            epochs=self._epochs, learning_rate=self._rate, batch_size=BATCH, seed=task.seed + block.start,
        )  # fmt: skip
        judged = features[: task.pool.candidates]
        return [
            {LOGITS: judged @ weight.T + bias, f"{self._name}.weight": weight, f"{self._name}.bias": bias}
            for weight, bias in zip(weights, biases, strict=True)
        ]


class Networks:
    """Makes shadow models one by one, each with the modules behind a cut from new.

    Args:
        task: What they learn from.
        layers: The first of these modules, and all behind it, are made anew; the whole network where none is named.

    Raises:
        PlanError: No part of the model lies before these layers, or a module behind cannot be made anew.
    """

    def __init__(self, task: Apprenticeship, layers: Sequence[str]) -> None:
        self._task = task
        self._cut = find_cut(task.base.model, layers, _some(task.pool), worth_it=0.0)
        if layers and not self._cut.boundary:
            raise PlanError(f"no part of the model lies before {layers[0]!r} alone. Use shadow models of kind 'full' or 'head'.")
        self._new = self._behind()
        fixed = [name for name in self._new if not hasattr(task.base.model.get_submodule(name), "reset_parameters")]
        if fixed:
            raise PlanError(f"module {fixed[0]!r} cannot be made anew. Use shadow models of kind 'head'.")

    @cached_property
    def _rows(self) -> Rows:
        return _remembered(self._task, self._cut)

    def _shape(self) -> Sequence[int]:
        return _some(self._task.pool).shape[1:]

    def _behind(self) -> tuple[str, ...]:
        """Modules whose parameters the logits depend on behind the cut."""
        network, pool = self._task.base.copy(), self._task.pool
        rows = record(network, self._cut, _some(pool))
        with torch.enable_grad(), replay(network, self._cut, self._shape()) as run:
            torch.autograd.backward(run(rows).sum())
        owners = (name.rpartition(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None)
        return tuple(dict.fromkeys(owners))

    def __call__(self, block: range) -> list[Tensors]:
        """Train the shadow models of a block, one after the other."""
        return [self._one(number) for number in block]

    def _one(self, number: int) -> Tensors:
        task = self._task
        network = task.base.copy().requires_grad_(False)
        modules = [network.get_submodule(name) for name in self._new]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(task.seed + number)
            for module in modules:
                module.train().requires_grad_(True)
                module.reset_parameters()  # type: ignore[operator]
        chosen = task.inside[number].nonzero().squeeze(1)
        with replay(network, self._cut, self._shape()) as run:

            def loss(batch: tuple[Rows, Tensor]) -> Tensor:
                return F.cross_entropy(run(batch[0]).float(), batch[1])

            batches = _RowBatches(self._rows, task.labels, chosen, task.recipe.batch_size)
            report = fit(network, batches, loss, task.recipe, seed=task.seed + number)
            if report.reason == "diverged":
                raise TrainingDiverged(report.steps, report.kept_step)
            network.eval()
            with torch.no_grad():
                judged = [row[: task.pool.candidates] for row in self._rows]
                said = torch.cat([run(part).float() for part in _portions(judged)])
        return {LOGITS: said, **_learned(network, self._new)}


@dataclass(frozen=True)
class _RowBatches:
    """Shuffled batches of remembered rows with their labels."""

    rows: Rows
    labels: Tensor
    chosen: Tensor
    size: int

    def __len__(self) -> int:
        return max(1, len(self.chosen) // self.size)

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Rows, Tensor]]:
        """Batches of one epoch; a last one that is not full is left out, so BatchNorm never sees a single example."""
        order = self.chosen[torch.randperm(len(self.chosen), generator=generator)]
        for step in range(len(self)):
            places = order[step * self.size : (step + 1) * self.size]
            yield [row[places] for row in self.rows], self.labels[places]


def load_learned(base: Base, learned: Tensors) -> nn.Module:
    """The base with the trained tensors of a shadow model in place, a network of its own, frozen, in evaluation mode."""
    network = base.copy().requires_grad_(False)
    live = network.state_dict()
    for name, tensor in learned.items():
        live[name].copy_(tensor)
    return network


def is_new_by_itself(model: nn.Module) -> bool:
    """Whether every module with parameters can draw them anew, so that the model can be trained from the start."""
    owners = (module for module in model.modules() if any(True for _ in module.parameters(recurse=False)))
    return all(hasattr(module, "reset_parameters") for module in owners)


def _portions(rows: Rows) -> Iterator[Rows]:
    """As many rows at a time as go through a model together."""
    for start in range(0, len(rows[0]), FORWARD):
        yield [row[start : start + FORWARD] for row in rows]


def _learned(network: nn.Module, modules: Sequence[str]) -> Tensors:
    """Copies of the modules' own tensors by their names in the network."""
    live = network.state_dict()
    return {name: tensor.clone() for name, tensor in live.items() if name.rpartition(".")[0] in set(modules)}


def _some(pool: Pool) -> Tensor:
    """A few inputs to try a cut with."""
    return pool.batch("train", np.arange(min(_PROBE, len(pool))))


def _remembered(task: Apprenticeship, cut: Cut) -> Rows:
    blocks = [record(task.base.model, cut, task.pool.batch("train", places)) for places in task.pool.blocks()]
    return [torch.cat(slot) for slot in zip(*blocks, strict=True)]
