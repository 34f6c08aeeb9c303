"""What a step of unlearning sees: a batch of forget examples beside a batch of examples to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.errors import PlanError
from lorasteer.core.losses import cross_entropy, kl_to_reference
from lorasteer.methods.settings import ObjectiveSettings
from lorasteer.records import Plan
from lorasteer.tasks.activations import Activations
from lorasteer.tasks.material import Material
from lorasteer.tasks.prefix import Rows, replay
from lorasteer.tasks.splits import Index

LEAST_STEPS = 8  # per epoch
WATCHED = 1000  # retain examples the early stop looks at
_BLOCK = 1024  # examples per forward pass without gradients


@dataclass(frozen=True)
class ForgetBatch:
    """Forget examples of one step, as a method's loss sees them.

    Args:
        logits: What the model says now, float32, shape [batch, classes].
        labels: Their true classes, shape [batch].
        reference: What the base says, shape [batch, classes].
        position: Their places in the forget set, shape [batch].
    """

    logits: Tensor
    labels: Tensor
    reference: Tensor
    position: Tensor


ForgetLoss = Callable[[ForgetBatch], Tensor]


@dataclass(frozen=True)
class Pool:
    """Examples one kind of batch is drawn from.

    Args:
        index: Positions in the training part, shape [n].
        position: Places in the plan's weights (for forget examples), shape [n].
        weights: In [0, 1], shape [n].
        labels: True classes, shape [n].
        reference: What the base says, shape [n, classes].
        fetch: Remembered rows of some places of this pool.
    """

    index: Index
    position: Tensor
    weights: Tensor
    labels: Tensor
    reference: Tensor
    fetch: Callable[[Tensor], Rows]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Step:
    """One step: places in the forget pool, and in each of the pools to be kept."""

    forget: Tensor
    keep: tuple[Tensor, ...]


@dataclass(frozen=True)
class Pools:
    """All examples of one run.

    Args:
        forget: Examples with a weight above 0, weighted.
        keep: A sample of the retain set and, when a direction spares a part of the target, that part.
        watched: Other retain examples, which nothing is learned from: they show what the rest of the model suffers.
        batch_size: Examples of each kind per step.
        forgets: Whether there is a forget term; without one an epoch is a pass over the first pool to be kept.
    """

    forget: Pool
    keep: tuple[Pool, ...]
    watched: Pool
    batch_size: int
    forgets: bool = True

    def __len__(self) -> int:
        driver = self.forget if self.forgets else self.keep[0]
        return max(1, -(-len(driver) // self.batch_size))

    def epoch(self, generator: torch.Generator) -> Iterator[Step]:
        """Steps of one epoch: each forget example once, the others drawn anew and repeated as needed."""
        steps, sizes = len(self), self._sizes()
        forget = torch.randperm(len(self.forget), generator=generator) if self.forgets else torch.empty(0, dtype=torch.int64)
        keep = [_cycle(len(pool), steps * size, generator) for pool, size in zip(self.keep, sizes, strict=True)]
        for step in range(steps):
            yield Step(
                forget[step * self.batch_size : (step + 1) * self.batch_size],
                tuple(order[step * size : (step + 1) * size] for order, size in zip(keep, sizes, strict=True)),
            )

    def _sizes(self) -> list[int]:
        share = -(-self.batch_size // max(1, len(self.keep)))
        return [min(share, len(pool)) for pool in self.keep]


def _cycle(size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` places below `size`: as many whole shufflings as it takes."""
    rounds = max(1, -(-count // size))
    return torch.cat([torch.randperm(size, generator=generator) for _ in range(rounds)])[:count]


def make_pools(
    material: Material, plan: Plan, settings: ObjectiveSettings, activations: Activations, *, forgets: bool = True
) -> Pools:
    """Draw the retain sample, read the rows, and ask the base once what it says to all of them."""
    forget_set = material.splits.forget
    weights = np.ones(len(forget_set)) if plan.weights is None else np.asarray(plan.weights)
    chosen, spared = np.flatnonzero(weights > 0), np.flatnonzero(weights < 1)
    if not len(chosen):
        raise PlanError("every forget example has weight 0, so there is nothing to forget. Choose another direction.")
    sample, watched = retain_sample(material, settings.retain, plan.seed)
    keep = [(sample, np.zeros(len(sample), np.int64), np.ones(len(sample))), (forget_set[spared], spared, 1 - weights[spared])]
    wanted = [group for group in keep if len(group[0])] if settings.anchor != "none" else []
    forget = _pool(material, activations, forget_set[chosen], chosen, weights[chosen])
    pools = tuple(_pool(material, activations, *group) for group in wanted)
    # a small set is cut into at least eight batches, so that an epoch means about as much work for it as for a large one
    batch_size = min(settings.batch_size, max(1, -(-len(forget if forgets else pools[0]) // LEAST_STEPS)))
    outside = _pool(material, activations, watched, np.zeros(len(watched), np.int64), np.ones(len(watched)))
    return Pools(forget, pools, outside, batch_size, forgets)


def retain_sample(material: Material, size: int, seed: int) -> tuple[Index, Index]:
    """Retain examples to learn from and to watch, drawn with a seed, each sorted; they overlap only where there are too few."""
    retain = material.splits.retain
    drawn = np.random.default_rng(seed).choice(retain, min(size + WATCHED, len(retain)), replace=False)
    return np.sort(drawn[:size]), np.sort(drawn[-min(WATCHED, len(drawn)) :])


def _pool(
    material: Material, activations: Activations, index: Index, position: Index, weights: NDArray[np.float64]
) -> Pool:
    fetch = _fetcher(activations, index)
    blocks = torch.arange(len(index)).split(_BLOCK)
    with torch.no_grad(), replay(material.base.mirror, activations.cut, activations.shape) as run:
        reference = torch.cat([run(fetch(block)).float() for block in blocks])
    labels = material.inputs.labels("train", index)
    return Pool(index, torch.from_numpy(position), torch.from_numpy(weights).float(), labels, reference, fetch)


def _fetcher(activations: Activations, index: Index) -> Callable[[Tensor], Rows]:
    """Rows from memory when they fit and the cut saves work; else read, or made from bytes, batch by batch."""
    one = activations.rows("train", index[:1])
    size = len(index) * sum(row.numel() * row.element_size() for row in one)
    if not activations.cut.boundary or size > activations.memory_budget:
        return lambda places: activations.rows("train", index[places.numpy()])
    rows = activations.rows("train", index)
    return lambda places: [row[places] for row in rows]


def anchor_loss(kind: str, logits: Tensor, pool: Pool, places: Tensor) -> Tensor:
    """Weighted mean loss of examples to be kept."""
    values = (
        kl_to_reference(logits, pool.reference[places]) if kind == "kl" else cross_entropy(logits, pool.labels[places])
    )
    return (values * pool.weights[places]).mean()
