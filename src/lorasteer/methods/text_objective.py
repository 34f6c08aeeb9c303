"""The loss of one step on text: a method's loss on forget examples beside an anchor on those to be kept, in one forward pass."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lorasteer.core.tokens import kl_to_reference_tokens
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_pools import TextSample, TextStep
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
        own, parts = self.settings.accumulate, self.settings.accumulate * world()
        return summed(
            [functools.partial(self.part, step, own * rank() + number, parts) for number in range(own)], self.parameters
        )

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
        asked = self.settings.anchor == "kl" or self._own_anchor is not None
        texts = [self.source.read(sample, reference=asked) for sample in keep]
        if self.objective is None:
            return texts
        others = [] if forget.choice is None else [self.source.other(forget)]
        return [self.source.read(forget), *texts, *others]

    def _anchor(self, batch: TokenBatch) -> Tensor:
        own = self._own_anchor
        return ANCHORS[self.settings.anchor](batch) if own is None else own(batch)

    @property
    def _own_anchor(self) -> TokenLoss | None:
        return None if self.objective is None else self.objective.anchor

    def _weighed(self, losses: Tensor, weights: Tensor) -> Tensor:
        return losses @ weights.to(losses)
