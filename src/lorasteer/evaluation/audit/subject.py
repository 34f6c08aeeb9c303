"""Who stands before the audit, and on what ground: the models to attack, and the examples they are attacked with."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from lorasteer.changes import Change
from lorasteer.tasks.activations import FORWARD, Inputs
from lorasteer.tasks.base import Base, weights_digest
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.splits import Index, Part, Splits

Examples = tuple[Part, Index]
"""Examples of a part of the data by their positions."""
Made = TypeVar("Made")
Again = Callable[[Base, Any, Splits, int], nn.Module]
"""The same unlearning on another base: base, examples, splits of them and seed to an unlearned network."""
_TIMED = 64  # examples of the forward pass that costs are estimated from


@dataclass(frozen=True)
class Subject:
    """One model that is attacked. An attack works on copies; the network stays bit-identical.

    Args:
        name: `base`, `retrained (seed 1000)`, `never trained`, or a method's name.
        network: A plain model of the base's own classes and module names, frozen, in evaluation mode.
        change: What made it of the base; None where nothing did.
        digest: Names the model: of its weights, or of base, change and strength.
        again: Does to another base what was done to this one; None where that is not known.
    """

    name: str
    network: nn.Module
    change: Change | None
    digest: str
    again: Again | None = field(default=None, compare=False)

    @classmethod
    def of_base(cls, name: str, base: Base) -> Subject:
        """A model as it was trained: the base itself, one trained without the forget set, or one never trained."""
        return cls(name, base.model, None, base.digest)

    @classmethod
    def of_network(cls, name: str, network: nn.Module) -> Subject:
        """Any model with the base's module names; it is put in evaluation mode and frozen."""
        network.eval().requires_grad_(False)
        return cls(name, network, None, weights_digest(network))

    @classmethod
    def of_change(cls, name: str, base: Base, change: Change, *, strength: float | None = None) -> Subject:
        """The base with a change merged into its weights, as it would be handed out.

        Args:
            name: The method's name.
            base: The base the change was made for.
            change: What unlearning made.
            strength: Strength it is handed out with; its own when left out.
        """
        strength = change.record.strength if strength is None else strength
        model = hashlib.sha256(f"{base.digest} {change.record.tensors} {strength}".encode()).hexdigest()
        return cls(name, change.merged(base, strength=strength), change.at(strength), model)


@dataclass(frozen=True)
class CommonGround:
    """What every attack gets beside its subject, whatever the models read.

    Args:
        base: The model before unlearning.
        inputs: The examples as the models read them.
        splits: Which of them were to be forgotten.
        retrained: Models trained without the forget set, each with another seed; the first is the reference.
        controls: Models that were never trained: what an attack finds there is the attack's own doing.
        touched: Modules that the audited change alters; what stands for them when left out is the task's to say.
        weights: Direction weight of each forget example, 0 … 1; None without a direction.
        seed: Every draw of an attack follows from it.
        cache: Folder in which attacks keep what is dear to make (shadow models); None keeps it for this ground only.
    """

    task: ClassVar[str]
    """What the models work on, as methods name it."""

    base: Base
    inputs: Any
    splits: Splits
    retrained: tuple[Subject, ...] = ()
    controls: tuple[Subject, ...] = ()
    touched: tuple[str, ...] = ()
    weights: Tensor | None = None
    seed: int = 0
    cache: Path | None = None
    _made: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def original(self) -> Subject:
        """The base as a subject."""
        return Subject.of_base("base", self.base)

    @property
    def reference(self) -> Subject:
        """The first retrained model. Only attacks that state the need `retrained` may ask for it."""
        return self.retrained[0]

    def generator(self, purpose: str) -> np.random.Generator:
        """Random numbers for one purpose; the same ones for every subject, so that all are attacked with the same examples."""
        salt = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
        return np.random.default_rng([self.seed, salt])

    def drawn(self, index: Index, count: int, purpose: str) -> Index:
        """At most `count` of these examples, drawn without replacement, in rising order."""
        if len(index) <= count:
            return np.sort(index)
        return np.sort(self.generator(purpose).choice(index, count, replace=False))

    @property
    def unseen(self) -> Examples:
        """Examples of the target that no attack trains on: those of the test set, or where there are none all forget examples."""
        return ("test", self.splits.forget_test) if len(self.splits.forget_test) else ("train", self.splits.forget)

    def remember(self, key: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """What was made under this key before, or what `make` makes now. For what several attacks ask of the same models."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def without_retrained(self) -> Self:
        """The same ground where no model was trained without the forget set."""
        return replace(self, retrained=())


@dataclass(frozen=True)
class Ground(CommonGround):
    """The ground of classifiers: examples with one label each. Its fields are those of `CommonGround`."""

    task = "vision"
    inputs: Inputs

    @property
    def classes(self) -> int:
        """How many classes the models know."""
        return len(self.base.record.classes)

    @property
    def layers(self) -> tuple[str, ...]:
        """Modules the audited change alters; the classifier head where none does."""
        return self.touched or classifier_head(self.base.model)

    def batch(self, part: Part, index: Index) -> Tensor:
        """Model input of these examples, shape [n, ...]."""
        return self.inputs.batch(part, index)

    def labels(self, part: Part, index: Index) -> Tensor:
        """Class numbers of these examples, int64, shape [n]."""
        return self.inputs.labels(part, index).long()

    def logits(self, subject: Subject, part: Part, index: Index) -> Tensor:
        """Logits of the subject's own network, float32, shape [n, classes]; asked once for the same examples."""
        key = (subject.digest, part, hashlib.sha256(np.ascontiguousarray(index, np.int64).tobytes()).hexdigest())
        return self.remember(("logits", *key), lambda: answers(subject.network, self.inputs, part, index))

    @cached_property
    def forward_seconds(self) -> float:
        """Measured time of one example's way through the base, without gradients; estimates of cost are multiples of it."""
        probe = self.inputs.batch("train", np.arange(min(_TIMED, self.inputs.size("train"))))
        with torch.no_grad():
            self.base.model(probe)
            started = time.perf_counter()
            self.base.model(probe)
        return (time.perf_counter() - started) / len(probe)


def answers(network: nn.Module, inputs: Inputs, part: Part, index: Index) -> Tensor:
    """Logits of any network, by full forward passes without gradients, float32, shape [n, classes]."""
    blocks: Sequence[Index] = [index[start : start + FORWARD] for start in range(0, len(index), FORWARD)] or [index]
    with torch.no_grad():
        return torch.cat([logits_of(network(inputs.batch(part, block))).float() for block in blocks])
