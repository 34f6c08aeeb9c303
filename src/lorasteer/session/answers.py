"""What models say about the splits of a request: the one place where logits are asked for to be measured.

The examples are gathered once for a request. Every further model, or strength of a change, then costs its own products only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lorasteer.changes.adapter import Halves
from lorasteer.evaluation import Outputs, Predictions
from lorasteer.steer.translate import Translation
from lorasteer.tasks.material import Material
from lorasteer.tasks.prefix import Rows
from lorasteer.tasks.splits import Index, Part, Splits

TOGETHER = 8192  # examples that go together through what lies behind the adapter's first layer
RETAIN_SAMPLE = 5000  # retained training examples that accuracy is measured on, so that a round does not grow with the data


@dataclass(frozen=True)
class Question:
    """What is asked of every model of a request: the same examples in the same order.

    Args:
        material: Base and examples.
        translation: Splits, and the weights of a direction.
        budget: Bytes of remembered rows to hold in memory; beyond it they are read for each model.
    """

    material: Material
    translation: Translation
    budget: int = 0
    _held: dict[tuple[str, str], list[Rows]] = field(default_factory=dict, repr=False)
    _halves: dict[str, dict[str, list[tuple[Tensor, Tensor]]]] = field(default_factory=dict, repr=False)

    @cached_property
    def parts(self) -> dict[str, tuple[Part, Index]]:
        """Examples by the name of their part of the splits."""
        splits = self.translation.splits
        return {
            "forget": ("train", splits.forget), "retain": ("train", retain_sample(splits)),
            "forget_test": ("test", splits.forget_test), "retain_test": ("test", splits.retain_test),
            "validation": (splits.validation.part, splits.validation.index),
        }  # fmt: skip

    @cached_property
    def labels(self) -> dict[str, Tensor]:
        """True classes by the name of the part."""
        return {name: self.material.inputs.labels(*examples) for name, examples in self.parts.items()}

    def outputs(self, network: nn.Module, layers: tuple[str, ...], *, adapter: str = "", **facts: Any) -> Outputs:
        """What a network says.

        Args:
            network: The base, or a view of it with a change in force.
            layers: Modules in which it differs from the base; empty for all.
            adapter: Digest of the adapter in the network, where it is one: what its first layer answers is then remembered, so
                that the next strength of it starts behind that layer.
            **facts: The other fields of `Outputs`.
        """
        boundary = self.material.memory.before(layers).cut.boundary
        halves = self._turnable(network, layers) if adapter else None
        blocks = self._joined(halves, adapter, layers) if halves else {name: self._blocks(name, layers) for name in self.parts}
        with self.material.asking(network, layers, known=boundary if halves else "") as ask:
            said = {name: Predictions(ask(blocks[name]), self.labels[name]) for name in self.parts}
        weights, test_weights = self.translation.plan.weights, self.translation.test_weights
        return Outputs(
            splits=self.translation.splits.digest, forget=said["forget"], retain=said["retain"], forget_test=said["forget_test"],
            retain_test=said["retain_test"], validation=said["validation"],
            selected=None if weights is None else torch.tensor(weights),
            selected_test=None if test_weights is None else torch.from_numpy(np.asarray(test_weights)), **facts,
        )  # fmt: skip

    def _turnable(self, network: nn.Module, layers: tuple[str, ...]) -> Halves | None:
        """The adapter's first layer, where the network is cut right before it and what it answers fits into memory."""
        activations = self.material.memory.before(layers)
        halves = Halves.of(network, activations.cut.boundary) if activations.cut.boundary else None
        if halves is None:
            return None
        part, index = next(examples for examples in self.parts.values() if len(examples[1]))
        with torch.no_grad():
            answers = halves.answers(activations.rows(part, index[:1])[0])
        return halves if self._fits(list(answers)) else None

    def _joined(self, halves: Halves, adapter: str, layers: tuple[str, ...]) -> dict[str, Iterable[Rows]]:
        """Answers of an adapter's first layer at its strength now, by part; they stand for that layer's input as well."""
        if adapter not in self._halves:
            self._halves.clear()  # one adapter at a time is turned
            with torch.no_grad():
                self._halves[adapter] = {
                    name: _in_few([halves.answers(rows[0]) for rows in self._blocks(name, layers)]) for name in self.parts
                }
        return {
            name: ([halves.joined(*pair)] * 2 for pair in pairs) for name, pairs in self._halves[adapter].items()
        }  # fmt: skip

    def _blocks(self, name: str, layers: tuple[str, ...]) -> Iterable[Rows]:
        """Remembered rows of a part: held in memory where they fit, else read as they are asked for."""
        part, index = self.parts[name]
        activations = self.material.memory.before(layers)
        key = (name, activations.cut.boundary)
        if key not in self._held:
            blocks = self.material.blocks(part, index, layers)
            if not activations.cut.boundary or not len(index) or not self._fits(activations.rows(part, index[:1])):
                return blocks
            self._held[key] = list(blocks)
        return self._held[key]

    def _fits(self, one: Rows) -> bool:
        """Whether such rows of all examples fit into memory."""
        examples = sum(len(index) for _, index in self.parts.values())
        return examples * sum(row.numel() * row.element_size() for row in one) <= self.budget


def _in_few(pairs: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """The same answers in larger blocks: behind the first layer little is left to compute, and each block costs its calls."""
    if not pairs:
        return []
    frozen, added = (torch.split(torch.cat(answers), TOGETHER) for answers in zip(*pairs, strict=True))
    return list(zip(frozen, added, strict=True))


def retain_sample(splits: Splits) -> Index:
    """Retained training examples that are measured: the same ones for every model of these splits."""
    generator = np.random.default_rng(int(splits.digest[:8], 16))
    return np.sort(generator.choice(splits.retain, min(RETAIN_SAMPLE, len(splits.retain)), replace=False))


def key_of(translation: Translation) -> str:
    """Digest of what is asked of a model: the splits, and how a direction weighs their examples."""
    total = hashlib.sha256(translation.splits.digest.encode())
    for weights in (translation.plan.weights, translation.test_weights):
        total.update(b"-" if weights is None else np.asarray(weights, np.float64).tobytes())
    return total.hexdigest()
