"""Which examples a run of unlearning learns from, keeps, and looks at; drawn once, with what the base says about each."""

from __future__ import annotations

import contextlib
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
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.material import Material
from lorasteer.tasks.prefix import Rows, replay
from lorasteer.tasks.splits import Index, Part

LEAST_STEPS = 8  # per epoch
WATCHED = 1000  # examples of each kind that the early stop looks at, at most
UNSEEN = 5000  # held-out examples it compares with, at most: half a point of accuracy is to be told apart
FEW = 50  # examples to watch below which those that are learned from are watched as well
_BLOCK = 1024  # examples per forward pass without gradients

Fetch = Callable[[Tensor], Rows]


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
    fetch: Fetch

    def __len__(self) -> int:
        return len(self.index)

    def shuffled(self, order: Tensor) -> Sample:
        """Some or all of its examples in the order given, shape [m]; one may come several times."""
        about = (self.position, self.weights, self.labels, self.reference)
        return Sample(self, order, *(known.index_select(0, order) for known in about))


@dataclass(frozen=True)
class Sample:
    """Examples of a pool in some order, with what is known of each; fields as in `Pool`, shape [m, ...].

    Args:
        places: Where they stand in the pool, shape [m].
    """

    pool: Pool
    places: Tensor
    position: Tensor
    weights: Tensor
    labels: Tensor
    reference: Tensor

    def __len__(self) -> int:
        return len(self.places)

    def part(self, number: int, size: int) -> Sample:
        """The examples of step `number` when each step takes `size`."""
        fields = (self.places, self.position, self.weights, self.labels, self.reference)
        return Sample(self.pool, *(known[number * size : (number + 1) * size] for known in fields))

    def rows(self) -> Rows:
        """What is remembered of them."""
        return self.pool.fetch(self.places)


@dataclass(frozen=True)
class Step:
    """One step: examples to forget (none for a method that only trains on what is retained), and to keep from each pool."""

    forget: Sample
    keep: tuple[Sample, ...]


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
        order = torch.randperm(len(self.forget), generator=generator) if self.forgets else torch.empty(0, dtype=torch.int64)
        forget = self.forget.shuffled(order)
        keep = [pool.shuffled(cycle(len(pool), steps * size, generator)) for pool, size in zip(self.keep, sizes, strict=True)]
        for step in range(steps):
            kept = (sample.part(step, size) for sample, size in zip(keep, sizes, strict=True))
            yield Step(forget.part(step, self.batch_size), tuple(kept))

    def _sizes(self) -> list[int]:
        return [min(self.keep_size, len(pool)) for pool in self.keep]


def cycle(size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` places below `size`: as many whole shufflings as it takes."""
    rounds = max(1, -(-count // size))
    return torch.cat([torch.randperm(size, generator=generator) for _ in range(rounds)])[:count]


def make_pools(
    material: Material, plan: Plan, settings: ObjectiveSettings, activations: Activations, *, forgets: bool = True,
    answers: bool = False,
) -> Pools:  # fmt: skip
    """Draw the samples, read the rows, and ask the base once what it says to all of them.

    With `answers` the rows also hold, last, what the base's boundary module answers to them: a layer that is adapted and frozen
    underneath says the same at every step.

    With the aim `match-unseen` only the hardest forget examples are pushed away, as many as the base would get wrong had it never
    seen them; the others are kept. These are the ones a model trained without the forget set would miss.

    Raises:
        PlanError: Every weight is 0, or the aim needs held-out examples and there are none.
    """
    draw = _Draw(material, activations, answers)
    forget_set = material.splits.forget
    weights = np.ones(len(forget_set)) if plan.weights is None else np.asarray(plan.weights)
    judged = draw.pool("train", evenly(forget_set[weights >= weights.max() / 2], WATCHED))
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


def retain_sample(material: Material | TextMaterial, size: int, seed: int) -> tuple[Index, Index]:
    """Retain examples to learn from and to watch, drawn with a seed, each sorted.

    The two overlap only where fewer than `FEW` would be left to watch.
    """
    retain = material.splits.retain
    drawn = np.random.default_rng(seed).choice(retain, min(size + WATCHED, len(retain)), replace=False)
    left = drawn[size:]
    return np.sort(drawn[:size]), np.sort(left if len(left) >= FEW else drawn[-WATCHED:])


def evenly(index: Index, most: int) -> Index:
    """At most so many of the positions: one from each of as many stretches of the same length, drawn, always the same ones.

    Every n-th would meet one kind only where data repeats in an order of its own, as TOFU's twenty questions of an author do.

    Example:
        >>> evenly(np.arange(4), 8).tolist(), [place // 20 for place in evenly(np.arange(100), 5).tolist()]
        ([0, 1, 2, 3], [0, 1, 2, 3, 4])
    """
    stretch = max(1, -(-len(index) // most))
    starts = np.arange(0, len(index), stretch)
    widths = np.minimum(stretch, len(index) - starts)
    chosen: Index = index[starts + np.random.default_rng(0).integers(widths)]
    return chosen


def _unseen(draw: _Draw) -> Pool:
    held_out = draw.material.splits.validation
    if not len(held_out.index):
        raise PlanError(
            "aim 'match-unseen' needs held-out examples to match, and this base holds none out. "
            "Adopt or train it with a validation share above 0, or ask for the aim 'remove'."
        )
    return draw.pool(held_out.part, evenly(held_out.index, UNSEEN))


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
    answers: bool

    def pool(self, part: Part, index: Index, weights: NDArray[np.float64] | None = None, position: Index | None = None) -> Pool:
        """Examples with the base's answers; all of weight 1 where no weights are given."""
        fetch, held = _fetcher(self.activations, part, index)
        reference, answers = self._asked(fetch, len(index))
        if self.answers and held:
            fetch = _beside(fetch, answers)
        return Pool(
            index=index,
            position=torch.from_numpy(np.arange(len(index)) if position is None else position),
            weights=torch.from_numpy(np.ones(len(index)) if weights is None else weights).float(),
            labels=self.material.inputs.labels(part, index),
            reference=reference,
            fetch=fetch,
        )

    def _asked(self, fetch: Fetch, size: int) -> tuple[Tensor, Tensor]:
        """The base's logits, and what its boundary module answers where that is asked for."""
        cut, mirror, answers = self.activations.cut, self.material.standing.mirror, list[Tensor]()
        with contextlib.ExitStack() as stack:
            if self.answers:
                listen = mirror.get_submodule(cut.boundary).register_forward_hook(lambda *call: answers.append(call[-1]))
                stack.callback(listen.remove)
            stack.enter_context(torch.no_grad())
            run = stack.enter_context(replay(mirror, cut, self.activations.shape))
            logits = torch.cat([run(fetch(block)).float() for block in torch.split(torch.arange(size), _BLOCK)])
        return logits, torch.cat(answers) if answers else torch.empty(0)


def _fetcher(activations: Activations, part: Part, index: Index) -> tuple[Fetch, bool]:
    """Rows from memory when they fit and the cut saves work (then True); else read, or made from bytes, batch by batch."""
    one = activations.rows(part, index[:1])
    size = len(index) * sum(row.numel() * row.element_size() for row in one)
    if not activations.cut.boundary or size > activations.memory_budget:
        return lambda places: activations.rows(part, index[places.numpy()]), False
    rows = activations.rows(part, index)
    return lambda places: [row.index_select(0, places) for row in rows], True


def _beside(fetch: Fetch, answers: Tensor) -> Fetch:
    return lambda places: [*fetch(places), answers.index_select(0, places)]
