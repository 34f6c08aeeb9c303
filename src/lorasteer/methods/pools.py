"""Which examples a run of unlearning learns from, keeps, and looks at; drawn once, with what the base says about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.core.statistics import label_log_odds
from lorasteer.errors import PlanError
from lorasteer.methods.settings import ObjectiveSettings
from lorasteer.records import Plan
from lorasteer.tasks.activations import Activations
from lorasteer.tasks.material import Material
from lorasteer.tasks.prefix import Rows, replay
from lorasteer.tasks.splits import Index, Part

LEAST_STEPS = 8  # per epoch
WATCHED = 1000  # examples of each kind that the early stop looks at, at most
FEW = 50  # examples to watch below which those that are learned from are watched as well
_BLOCK = 1024  # examples per forward pass without gradients


@dataclass(frozen=True)
class Pool:
    """Examples one kind of batch is drawn from.

    Args:
        index: Positions in their part, shape [n].
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
        judged: Forget examples the early stop looks at.
        watched: Retain examples it looks at, which nothing is learned from: they show what the rest of the model suffers.
        unseen: Held-out examples it looks at; None where the aim does not ask for them.
        batch_size: Forget examples per step.
        keep_size: Examples of each kind to be kept per step.
        forgets: Whether there is a forget term; without one an epoch is a pass over the first pool to be kept.
    """

    forget: Pool
    keep: tuple[Pool, ...]
    judged: Pool
    watched: Pool
    unseen: Pool | None
    batch_size: int
    keep_size: int
    forgets: bool = True

    def __len__(self) -> int:
        driver, size = (self.forget, self.batch_size) if self.forgets else (self.keep[0], self.keep_size)
        return max(1, -(-len(driver) // size))

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
        return [min(self.keep_size, len(pool)) for pool in self.keep]


def _cycle(size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` places below `size`: as many whole shufflings as it takes."""
    rounds = max(1, -(-count // size))
    return torch.cat([torch.randperm(size, generator=generator) for _ in range(rounds)])[:count]


def make_pools(
    material: Material, plan: Plan, settings: ObjectiveSettings, activations: Activations, *, forgets: bool = True
) -> Pools:
    """Draw the samples, read the rows, and ask the base once what it says to all of them.

    With the aim `match-unseen` only the hardest forget examples are pushed away, as many as the base would get wrong had it never
    seen them; the others are kept. These are the ones a model trained without the forget set would miss.

    Raises:
        PlanError: Every weight is 0, or the aim needs held-out examples and there are none.
    """
    draw = _Draw(material, activations)
    forget_set = material.splits.forget
    weights = np.ones(len(forget_set)) if plan.weights is None else np.asarray(plan.weights)
    judged = draw.pool("train", _some(forget_set[weights >= weights.max() / 2]))
    unseen = _unseen(draw) if plan.aim == "match-unseen" else None
    if unseen is not None:
        weights = weights * _hardest(draw.pool("train", forget_set), unseen)
    chosen, spared = np.flatnonzero(weights > 0), np.flatnonzero(weights < 1)
    if not len(chosen):
        raise PlanError("every forget example has weight 0, so there is nothing to forget. Choose another direction.")
    sample, watched = retain_sample(material, settings.retain, plan.seed)
    forget = draw.pool("train", forget_set[chosen], weights[chosen], chosen)
    keep = [(sample, np.ones(len(sample))), (forget_set[spared], settings.spare_weight * (1 - weights[spared]))]
    wanted = [group for group in keep if len(group[0])] if settings.anchor != "none" else []
    if not forgets and not wanted:
        raise PlanError(
            f"method {plan.method!r} needs 'retain': it learns from retained examples only, got retain {settings.retain} and "
            f"anchor {settings.anchor!r}. Set retain above 0 and an anchor."
        )
    # a small set is cut into at least eight batches, so that an epoch means about as much work for it as for a large one
    batch_size = min(settings.batch_size, max(1, -(-len(forget) // LEAST_STEPS)))
    return Pools(
        forget, tuple(draw.pool("train", *group) for group in wanted), judged, draw.pool("train", watched), unseen,
        batch_size, settings.batch_size, forgets,
    )  # fmt: skip


def retain_sample(material: Material, size: int, seed: int) -> tuple[Index, Index]:
    """Retain examples to learn from and to watch, drawn with a seed, each sorted.

    The two overlap only where fewer than `FEW` would be left to watch.
    """
    retain = material.splits.retain
    drawn = np.random.default_rng(seed).choice(retain, min(size + WATCHED, len(retain)), replace=False)
    left = drawn[size:]
    return np.sort(drawn[:size]), np.sort(left if len(left) >= FEW else drawn[-WATCHED:])


def _some(index: Index) -> Index:
    """At most `WATCHED` of the positions, evenly spread."""
    return index[:: -(-len(index) // WATCHED)]


def _unseen(draw: _Draw) -> Pool:
    held_out = draw.material.splits.validation
    if not len(held_out.index):
        raise PlanError(
            "aim 'match-unseen' needs held-out examples to match, and this base holds none out. "
            "Adopt or train it with a validation share above 0, or ask for the aim 'remove'."
        )
    return draw.pool(held_out.part, _some(held_out.index))


def _hardest(pool: Pool, unseen: Pool) -> NDArray[np.float64]:
    """1 for the examples of least confidence, as many as the base's error on unseen examples says; 0 for the others."""
    wrong = (unseen.reference.argmax(-1) != unseen.labels).double().mean().item()
    order = label_log_odds(pool.reference, pool.labels).argsort(stable=True).numpy()
    chosen = np.zeros(len(pool))
    chosen[order[: max(1, round(wrong * len(pool)))]] = 1.0
    return chosen


@dataclass(frozen=True)
class _Draw:
    """Makes pools from one material and one cut."""

    material: Material
    activations: Activations

    def pool(self, part: Part, index: Index, weights: NDArray[np.float64] | None = None, position: Index | None = None) -> Pool:
        """Examples with the base's answers; all of weight 1 where no weights are given."""
        fetch = _fetcher(self.activations, part, index)
        with torch.no_grad(), replay(self.material.base.mirror, self.activations.cut, self.activations.shape) as run:
            reference = torch.cat([run(fetch(block)).float() for block in torch.split(torch.arange(len(index)), _BLOCK)])
        return Pool(
            index=index,
            position=torch.from_numpy(np.arange(len(index)) if position is None else position),
            weights=torch.from_numpy(np.ones(len(index)) if weights is None else weights).float(),
            labels=self.material.inputs.labels(part, index),
            reference=reference,
            fetch=fetch,
        )


def _fetcher(activations: Activations, part: Part, index: Index) -> Callable[[Tensor], Rows]:
    """Rows from memory when they fit and the cut saves work; else read, or made from bytes, batch by batch."""
    one = activations.rows(part, index[:1])
    size = len(index) * sum(row.numel() * row.element_size() for row in one)
    if not activations.cut.boundary or size > activations.memory_budget:
        return lambda places: activations.rows(part, index[places.numpy()])
    rows = activations.rows(part, index)
    return lambda places: [row[places] for row in rows]
