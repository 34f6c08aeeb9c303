"""Which text examples a run of unlearning learns from, keeps, and looks at; drawn once, read a step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.errors import PlanError
from lorasteer.methods.pools import LEAST_STEPS, cycle, evenly, retain_sample
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.records import Plan
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.splits import Index, Part

WATCHED = 100  # examples of each kind that the early stop looks at, at most: a look costs no more than a few steps
SETTLED = 400  # forget examples that are looked at once training is over, at most


@dataclass(frozen=True)
class TextPool:
    """Examples one kind of batch is drawn from.

    Args:
        part: Part of the data they lie in.
        index: Positions in that part, shape [n].
        position: Places in the plan's weights (for forget examples), int64, shape [n].
        weights: In [0, 1], shape [n].
    """

    part: Part
    index: Index
    position: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def of(cls, part: Part, index: Index, weights: NDArray[np.float64] | None = None, position: Index | None = None) -> TextPool:
        """Examples of weight 1 where no weights are given, each at its own place where no places are."""
        places = np.arange(len(index)) if position is None else position
        told = np.ones(len(index)) if weights is None else weights
        return cls(part, np.asarray(index, np.int64), torch.from_numpy(places).long(), torch.from_numpy(told).float())

    def sample(self, places: Tensor) -> TextSample:
        """Some of its examples in the order given, shape [m]; one may come several times."""
        return TextSample(self, places)

    def blocks(self, size: int) -> Iterator[TextSample]:
        """All of its examples in their order, so many at a time."""
        for places in torch.split(torch.arange(len(self)), size):
            yield self.sample(places)


@dataclass(frozen=True)
class TextSample:
    """Examples of a pool in some order.

    Args:
        pool: Where they are from.
        places: Where they stand in it, int64, shape [m].
        choice: For a forget example whose method gives another answer: which of the answers it may give, int64, shape [m].
    """

    pool: TextPool
    places: Tensor
    choice: Tensor | None = None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def index(self) -> Index:
        """Positions in the part, shape [m]."""
        chosen: Index = self.pool.index[self.places.numpy()]
        return chosen

    @property
    def position(self) -> Tensor:
        """Places in the plan's weights, shape [m]."""
        return self.pool.position[self.places]

    @property
    def weights(self) -> Tensor:
        """Weights in [0, 1], shape [m]."""
        return self.pool.weights[self.places]

    def cut(self, span: slice) -> TextSample:
        """A stretch of them."""
        return TextSample(self.pool, self.places[span], None if self.choice is None else self.choice[span])


@dataclass(frozen=True)
class TextStep:
    """One step: examples to forget (none for a method that only trains on what is retained), and to keep from each pool."""

    forget: TextSample
    keep: tuple[TextSample, ...]


@dataclass(frozen=True)
class TextPools:
    """All examples of one run.

    Args:
        forget: Examples with a weight above 0, weighted.
        keep: A sample of the retain set and, when a direction spares a part of the target, that part.
        judged: Forget examples the early stop looks at.
        settled: Forget examples that the strength of the finished change is judged by.
        watched: Retain examples the early stop looks at, which nothing is learned from: they show what the rest suffers.
        unseen: Held-out examples it looks at; None where the aim does not ask for them.
        batch_size: Forget examples per step.
        keep_size: Examples of each kind to be kept per step.
        forgets: Whether there is a forget term; without one an epoch is a pass over the first pool to be kept.
        answers: Other answers each question may get, by place in the forget pool, shape [n]; None where the method asks for none.
    """

    forget: TextPool
    keep: tuple[TextPool, ...]
    judged: TextPool
    settled: TextPool
    watched: TextPool
    unseen: TextPool | None
    batch_size: int
    keep_size: int
    forgets: bool = True
    answers: Tensor | None = None

    def __len__(self) -> int:
        driver, size = (self.forget, self.batch_size) if self.forgets else (self.keep[0], self.keep_size)
        return max(1, -(-len(driver) // size))

    def epoch(self, generator: torch.Generator) -> Iterator[TextStep]:
        """Steps of one epoch: each forget example once, the others drawn anew and repeated as needed."""
        steps, sizes = len(self), [min(self.keep_size, len(pool)) for pool in self.keep]
        order = torch.randperm(len(self.forget), generator=generator) if self.forgets else torch.empty(0, dtype=torch.int64)
        forget = TextSample(self.forget, order, self._choices(order, generator))
        keep = [pool.sample(cycle(len(pool), steps * size, generator)) for pool, size in zip(self.keep, sizes, strict=True)]
        for step in range(steps):
            kept = (sample.cut(_span(step, size)) for sample, size in zip(keep, sizes, strict=True))
            yield TextStep(forget.cut(_span(step, self.batch_size)), tuple(kept))

    def _choices(self, order: Tensor, generator: torch.Generator) -> Tensor | None:
        """For each forget example one of its other answers, all equally likely."""
        if self.answers is None:
            return None
        drawn = torch.rand(len(order), generator=generator)
        return (drawn * self.answers[order]).long()


def _span(step: int, size: int) -> slice:
    return slice(step * size, (step + 1) * size)


def make_text_pools(
    material: TextMaterial,
    plan: Plan,
    settings: TextAdapterSettings,
    *,
    forgets: bool = True,
    answers: NDArray[np.int64] | None = None,
) -> TextPools:
    """Draw the samples.

    Args:
        material: Data and splits.
        plan: Gives weights, aim and seed.
        settings: Give the sizes.
        forgets: Whether the method has a loss on forget examples.
        answers: How many other answers there are to each example of the forget split; those without one are not learned from.

    Raises:
        PlanError: Every weight is 0, the aim needs held-out examples and there are none, or nothing is left to learn from.
    """
    forget_set = material.splits.forget
    weights = np.ones(len(forget_set)) if plan.weights is None else np.asarray(plan.weights)
    meant = forget_set[weights >= weights.max() / 2]
    judged, settled = (TextPool.of("train", evenly(meant, most)) for most in (WATCHED, SETTLED))
    able = weights > 0 if answers is None else (weights > 0) & (answers > 0)
    chosen, spared = np.flatnonzero(able), np.flatnonzero(weights < 1)
    if not len(chosen):
        raise PlanError(_nothing_to_forget(plan, weights))
    sample, watched = retain_sample(material, settings.retain, plan.seed)
    kept = [(sample, np.ones(len(sample))), (forget_set[spared], settings.spare_weight * (1 - weights[spared]))]
    keep = tuple(TextPool.of("train", *group) for group in kept if len(group[0])) if settings.anchor != "none" else ()
    if not forgets and not keep:
        raise PlanError(
            f"method {plan.method!r} needs 'retain': it learns from retained examples only, got retain {settings.retain} and "
            f"anchor {settings.anchor!r}. Set retain above 0 and an anchor."
        )
    forget = TextPool.of("train", forget_set[chosen], weights[chosen], chosen)
    # a small set is cut into at least eight batches, so that an epoch means about as much work for it as for a large one
    batch_size = min(settings.batch_size, max(1, -(-len(forget) // LEAST_STEPS)))
    return TextPools(
        forget, keep, judged, settled, TextPool.of("train", evenly(watched, WATCHED)), _unseen(material, plan),
        batch_size, settings.batch_size, forgets, None if answers is None else torch.from_numpy(answers[chosen]),
    )  # fmt: skip


def _nothing_to_forget(plan: Plan, weights: NDArray[np.float64]) -> str:
    if not (weights > 0).any():
        return "every forget example has weight 0, so there is nothing to forget. Choose another direction."
    return (
        f"method {plan.method!r} gives another answer to each question, and the data holds none for the forget set. "
        "Add wrong answers of the same form ('perturbed'), or choose another method."
    )


def _unseen(material: TextMaterial, plan: Plan) -> TextPool | None:
    if plan.aim != "match-unseen":
        return None
    held_out = material.splits.validation
    if not len(held_out.index):
        raise PlanError(
            "aim 'match-unseen' needs held-out examples to match, and this base holds none out. "
            "Adopt or train it with a validation share above 0, or ask for the aim 'remove'."
        )
    return TextPool.of(held_out.part, evenly(held_out.index, WATCHED))
