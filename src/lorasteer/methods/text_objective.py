"""The loss of one step on text: a method's loss on forget examples beside an anchor on those to be kept, asked together."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lorasteer.core.tokens import kl_to_reference_tokens
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_pools import TextPools, TextSample, TextStep
from lorasteer.methods.text_source import Asker, Source, Text
from lorasteer.methods.tokens import TokenBatch, TokenLoss, TokenObjective
from lorasteer.tasks.gradients import rank, summed, world


def kl_to_base(batch: TokenBatch) -> Tensor:
    """KL from what the base says, mean over each example's answer tokens, [rows]."""
    return batch.mean(kl_to_reference_tokens(batch.hidden, batch.reference, batch.weight, batch.bias))


def right_answer(batch: TokenBatch) -> Tensor:
    """Cross-entropy with the answer, mean over each example's tokens, [rows]."""
    return batch.mean(-batch.statistics.log_prob)


ANCHORS: Mapping[str, TokenLoss] = {"kl": kl_to_base, "cross-entropy": right_answer}


AHEAD = 400  # examples of the steps that are prepared at once


@dataclass(frozen=True)
class StepLoss:
    """Loss of a step: weighted mean over the forget batch, plus the anchor's mean over each pool that is kept.

    Args:
        asker: Asks the model that learns.
        source: Reads examples.
        objective: The method's; None where it only trains on what is retained.
        settings: Numbers of the run.
        parameters: What learns.
    """

    asker: Asker
    source: Source
    objective: TokenObjective | None
    settings: TextAdapterSettings
    parameters: Sequence[Tensor]

    def __call__(self, step: TextStep) -> Tensor:
        """The step's loss; where it is computed in parts or by several processes, each takes every so manieth example."""
        parts, own = self._parts
        return summed([functools.partial(self.part, step, number, parts) for number in own], self.parameters)

    def warm(self, steps: Sequence[TextStep]) -> None:
        """Compute now what these steps will read of the frozen part of the model."""
        parts, own = self._parts
        cuts = [slice(number, None, parts) for number in own]
        groups = zip(*((step.forget, *step.keep) for step in steps), strict=True)
        for number, group in enumerate(groups):
            if number or self.objective is not None:
                index = np.concatenate([sample.cut(cut).index for sample in group for cut in cuts])
                self.source.warm(group[0].pool.part, index, reference=self._asks_base(forget=not number))

    @property
    def _parts(self) -> tuple[int, range]:
        """In how many parts a step is computed, and the numbers of this process's own."""
        own = self.settings.accumulate
        return own * world(), range(own * rank(), own * (rank() + 1))

    def _asks_base(self, *, forget: bool) -> bool:
        """Whether what the base says is read of examples to forget, or of those to keep."""
        if forget:
            return self.objective is not None and self.objective.asks_base
        return self.settings.anchor == "kl" or self._own_anchor is not None

    def part(self, step: TextStep, number: int, parts: int) -> Tensor:
        """What the examples number, number + parts, ... add to the step's loss; everything goes through the model together."""
        every = slice(number, None, parts)
        forget, keep = step.forget.cut(every), [sample.cut(every) for sample in step.keep]
        texts = self._texts(forget, keep)
        if not any(len(text) for text in texts):
            return torch.zeros((), device=self.asker.network.device)
        said = self.asker.hidden(texts)
        batches = [self.asker.batch(text, hidden) for text, hidden in zip(texts, said, strict=True)]
        terms: list[Tensor] = []
        if self.objective is not None:
            other = batches.pop() if forget.choice is not None else None
            asked = replace(batches.pop(0), position=forget.position.to(said[0].device), alternative=other)
            terms.append(self._weighed(self.objective.loss(asked), forget.weights / step.forget.weights.sum()))
        for whole, sample, batch in zip(step.keep, keep, batches, strict=True):
            share = self.settings.anchor_weight / len(step.keep) / len(whole)
            terms.append(self._weighed(self._anchor(batch), share * sample.weights))
        return functools.reduce(torch.add, terms)

    def _texts(self, forget: TextSample, keep: Sequence[TextSample]) -> list[Text]:
        """Texts of the forget examples, of each pool to be kept, and of the other answers, where there are such."""
        texts = [self.source.read(sample, reference=self._asks_base(forget=False)) for sample in keep]
        if self.objective is None:
            return texts
        asked = self._asks_base(forget=True)
        others = [] if forget.choice is None else [self.source.other(forget, reference=asked)]
        return [self.source.read(forget, reference=asked), *texts, *others]

    def _anchor(self, batch: TokenBatch) -> Tensor:
        own = self._own_anchor
        return ANCHORS[self.settings.anchor](batch) if own is None else own(batch)

    @property
    def _own_anchor(self) -> TokenLoss | None:
        return None if self.objective is None else self.objective.anchor

    def _weighed(self, losses: Tensor, weights: Tensor) -> Tensor:
        return losses @ weights.to(losses)


@dataclass(frozen=True)
class Ahead:
    """Steps of some pools; what the next ones read of the frozen part is computed for many examples at once, before them.

    Args:
        pools: Draw the steps.
        loss: Reads them.
    """

    pools: TextPools
    loss: StepLoss

    def __len__(self) -> int:
        return len(self.pools)

    def epoch(self, generator: torch.Generator) -> Iterator[TextStep]:
        """The same steps as those of the pools."""
        steps = self.pools.epoch(generator)
        while some := self._some(steps):
            self.loss.warm(some)
            yield from some

    def _some(self, steps: Iterator[TextStep]) -> list[TextStep]:
        """The next steps, so many that blocks are well filled, and that little is in vain where training ends early."""
        some, examples = list[TextStep](), 0
        for step in steps:
            some.append(step)
            examples += len(step.forget) + sum(map(len, step.keep))
            if examples >= AHEAD:
                break
        return some
