"""Noise with labels drawn by lot: nothing can be learned but by heart, so whoever knows an example was trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.splits import Holdout, Index, Part, Splits
from lorasteer.tasks.training import FitSettings, fit

SIDE = 60  # forget, retained and test examples, each
CLASSES = 3
RECIPE = FitSettings(epochs=30, batch_size=20, learning_rate=5e-3, precision="fp32")


@dataclass(frozen=True)
class Noise:
    """Vectors of 20 numbers, each with a class that has nothing to do with them."""

    seed: int = 0

    @property
    def digest(self) -> str:
        """Names the data set."""
        return f"noise {self.seed}"

    @cached_property
    def _drawn(self) -> dict[Part, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.seed)
        sizes: dict[Part, int] = {"train": 2 * SIDE, "test": SIDE}
        return {part: (torch.randn(n, 20, generator=generator), torch.arange(n) % CLASSES) for part, n in sizes.items()}

    def size(self, part: Part) -> int:
        """Number of examples in a part."""
        return len(self._drawn[part][1])

    def batch(self, part: Part, index: Index) -> Tensor:
        """Vectors of these examples."""
        return self._drawn[part][0][index]

    def labels(self, part: Part, index: Index) -> Tensor:
        """Classes of these examples."""
        return self._drawn[part][1][index]


def splits_of(noise: Noise) -> Splits:
    """The first half of the training examples is to be forgotten; all test examples are of the target."""
    nobody = np.empty(0, np.int64)
    return Splits(np.arange(SIDE), np.arange(SIDE, 2 * SIDE), np.arange(SIDE), nobody, Holdout("train", nobody), noise.digest)


def untrained(seed: int) -> nn.Module:
    """A network that has learned nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, CLASSES))


@dataclass(frozen=True)
class _Batches:
    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels) // RECIPE.batch_size

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for places in torch.randperm(len(self.labels), generator=generator).split(RECIPE.batch_size):
            yield self.pixels[places], self.labels[places]


def taught(noise: Noise, index: Index, seed: int, *, wrong: int = 0) -> nn.Module:
    """A network that learned training examples by heart, the first `wrong` of them with another class than their own."""
    network = untrained(seed).train()
    labels = noise.labels("train", index).clone()
    labels[:wrong] = (labels[:wrong] + 1) % CLASSES

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(network(batch[0]), batch[1])

    fit(network, _Batches(noise.batch("train", index), labels), loss, RECIPE, seed=seed)
    return network.eval().requires_grad_(False)


def base_of(network: nn.Module, noise: Noise) -> Base:
    """A network as a base that knows its recipe."""
    names = tuple(f"class {number}" for number in range(CLASSES))
    return Base(BaseRecord(model="noise", classes=names, data="noise", data_digest=noise.digest, fit=RECIPE), network)


@cache
def known_noise(seed: int = 0) -> Base:
    """A base that knows all training examples by heart; nothing may write to it."""
    noise = Noise(seed)
    return base_of(taught(noise, np.arange(2 * SIDE), 7), noise)


def noise_ground(data: int = 0, *, cache: Path | None = None, **facts: object) -> Ground:
    """The ground of that base, with nothing trained on it yet; other facts of a ground can be given."""
    noise = Noise(data)
    ground = Ground(known_noise(data), noise, splits_of(noise), cache=cache)
    return replace(ground, **facts)  # type: ignore[arg-type]


def subject_of(name: str, network: nn.Module, again: Callable[..., nn.Module] | None = None) -> Subject:
    """A network as a subject."""
    return replace(Subject.of_network(name, network), again=again)
