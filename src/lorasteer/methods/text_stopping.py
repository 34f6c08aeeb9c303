"""When to stop on text: once the answers to forget are as unlikely as they should be, and no less likely than that.

The probability of an answer is exp(mean log p of its tokens), as TOFU counts it (Maini et al., COLM 2024, arXiv 2401.06121). A
model that never saw a fact still gives its answer some probability, because it knows how answers sound; one that gives it less
shows by its silence what it was taught. So the aim is a band. Training ends at the first look that finds its upper end met; the
finished change is then set to the strength that lies in the band (`text_dialling`). Where examples carry other wordings and wrong
answers the truth ratio is watched as well: how likely the wrong ones are beside the right one in other words. That takes several
answers for each example, so it is asked only once the answers to forget are near their band.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lorasteer.core.statistics import rank_auc
from lorasteer.core.text_statistics import truth_ratio_forgotten, truth_ratio_loss
from lorasteer.core.tokens import per_example, token_statistics
from lorasteer.errors import PlanError
from lorasteer.methods.pools import evenly
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.stopping import LEAK, LEAST_STEPS, PATIENCE, Reading, Watch
from lorasteer.methods.text_pools import TextPool, TextPools
from lorasteer.methods.text_source import Source, Text, Written
from lorasteer.records import Plan
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.learned import Learned

CHECKS_PER_EPOCH = 4
BLOCK = 32  # examples per look's forward pass
TRUTHS = 100  # examples whose other wordings are asked, at most
BAND = 0.1  # how near to the probability of unseen answers counts as equal, as a share of it
NEAR = 4.0  # times the band's upper end from which on the truth ratio is looked at
FLOOR = 0.5  # share of the base's retained probability below which the model counts as collapsed
_TINY = 1e-6  # a probability below it counts as this
Ask = Callable[[Text], Tensor]
"""Asks a model: its hidden states where a text's answer tokens are predicted, [n, d]."""


@dataclass(frozen=True)
class Band:
    """Where a number shall lie.

    Args:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float

    def above(self, value: float) -> float:
        """How far a number lies above the upper end, in factors of e.

        Example:
            >>> round(Band(0.1, 0.2).above(0.4), 3), Band(0.1, 0.2).above(0.05)
            (0.693, 0.0)
        """
        return max(0.0, math.log(max(value, _TINY) / max(self.high, _TINY)))

    def missed(self, value: float) -> float:
        """How far a number lies outside, on either side, in factors of e.

        Example:
            >>> round(Band(0.1, 0.2).missed(0.4), 3), Band(0.1, 0.2).missed(0.15), round(Band(0.1, 0.2).missed(0.05), 3)
            (0.693, 0.0, 0.693)
        """
        under = math.log(max(self.low, _TINY) / max(value, _TINY)) if self.low > 0 else 0.0
        return max(self.above(value), under)


@dataclass(frozen=True)
class Aim:
    """What a training shall reach.

    Args:
        forget: Band of the mean answer probability of forget examples.
        retain: Mean answer probability that retained examples shall keep at least.
        truth: Band of the truth ratio; None where it is not asked for.
        unseen: Mean answer probability that held-out examples shall keep at least; None where none are watched.
        twisted: How far the base's truth ratio is from its band; stands for that of a reading without one.
    """

    forget: Band
    retain: float
    truth: Band | None = None
    unseen: float | None = None
    twisted: float = 0.0

    def missed(self, now: Reading) -> float:
        """How far a reading is from it; 0 is there, or beyond the lower end of what is to be forgotten."""
        lost = max(0.0, self.retain - now.retain) / max(self.retain, 1e-6)
        short = 0.0 if self.unseen is None or now.unseen is None else max(0.0, self.unseen - now.unseen) / max(self.unseen, 1e-6)
        leak = 0.0 if now.membership is None else max(0.0, now.membership - 0.5 - LEAK)
        twisted = self.twisted if self.truth is None or now.truth is None else self.truth.missed(now.truth)
        return self.forget.above(now.forget) + twisted + leak + lost + short


def ends(plan: Plan, settings: TextAdapterSettings) -> bool:
    """Whether a plan and its settings set an end to forgetting."""
    return plan.aim == "match-unseen" or settings.stop_at is not None or settings.forget_probability is not None


def aim_of(plan: Plan, settings: TextAdapterSettings, base: Reading) -> Aim:
    """What a plan and its settings ask for; they set an end to forgetting.

    Args:
        plan: Gives the kind of aim.
        settings: Give the numbers.
        base: What the base shows.
    """
    retain, truth = (1 - settings.retain_within) * base.retain, _truth_band(settings)
    twisted = 0.0 if truth is None or base.truth is None else truth.missed(base.truth)
    if plan.aim == "match-unseen":
        assert base.unseen is not None
        near = Band((1 - BAND) * base.unseen, (1 + BAND) * base.unseen)
        return Aim(near, retain, truth, (1 - BAND) * base.unseen, twisted)
    highest = [] if settings.stop_at is None else [settings.stop_at * base.forget]
    highest += [] if settings.forget_probability is None else [settings.forget_probability]
    return Aim(Band(min(settings.least_probability, *highest), min(highest)), retain, truth, twisted=twisted)


def _truth_band(settings: TextAdapterSettings) -> Band | None:
    if settings.most_truth_ratio is None:
        return None
    return Band(min(settings.least_truth_ratio, settings.most_truth_ratio), settings.most_truth_ratio)


@dataclass(frozen=True)
class Eyes:
    """Reads how likely a model's answers are.

    Args:
        source: Reads examples.
        network: Holds the head, which is the base's own.
        truths: Examples whose truth ratio is looked at, positions in train; empty where nobody asks.
    """

    source: Source
    network: Network
    truths: tuple[int, ...] = ()

    def reading(self, pools: TextPools, ask: Ask, *, near: float = math.inf) -> Reading:
        """What a model shows on the pools the stop looks at; no truth ratio where forget answers are likelier than `near`."""
        with torch.no_grad():
            forget, retain = self.answers(pools.judged, ask), self.answers(pools.watched, ask)
            unseen = None if pools.unseen is None else self.answers(pools.unseen, ask)
            shares = forget.exp().mean().item(), retain.exp().mean().item()
            truth = self._truth(ask) if self.truths and shares[0] <= near else None
        if unseen is None:
            return Reading(*shares, truth=truth)
        return Reading(*shares, unseen.exp().mean().item(), rank_auc(forget, unseen), truth)

    def answers(self, pool: TextPool, ask: Ask) -> Tensor:
        """Mean log-probability of each example's answer, shape [n], on the CPU."""
        texts = (self.source.read(sample, reference=False) for sample in pool.blocks(BLOCK))
        return torch.cat([self._mean_log_prob(text, ask) for text in texts])

    def _truth(self, ask: Ask) -> float:
        """Mean of min(R, 1 / R) over the examples, with R = P(wrong answers) / P(right one in other words)."""
        right = [Written("paraphrase", position, 0) for position in self.truths]
        wrong = [
            Written("perturbed", position, number)
            for position in self.truths
            for number in range(len(self.source.wordings("perturbed", position)))
        ]
        counts = torch.tensor([len(self.source.wordings("perturbed", position)) for position in self.truths])
        ratio = truth_ratio_loss(self._written(right, ask), self._written(wrong, ask), counts)
        return truth_ratio_forgotten(ratio).mean().item()

    def _written(self, keys: Sequence[Written], ask: Ask) -> Tensor:
        blocks = (self.source.written(keys[start : start + BLOCK]) for start in range(0, len(keys), BLOCK))
        return torch.cat([self._mean_log_prob(text, ask) for text in blocks])

    def _mean_log_prob(self, text: Text, ask: Ask) -> Tensor:
        hidden = ask(text)
        row, _, labels = text.tokens.targets
        said = token_statistics(hidden, self.network.head_weight, self.network.head_bias, labels.to(hidden.device))
        total, count = per_example(said.log_prob.cpu(), row, len(text))
        return total / count.clamp(min=1)


@dataclass(frozen=True)
class Goal:
    """What a training shall reach, and who looks.

    Args:
        eyes: Read how likely answers are.
        pools: Examples of the run.
        aim: What is to be reached.
        base: What the base shows.
    """

    eyes: Eyes
    pools: TextPools
    aim: Aim
    base: Reading

    def watch(self, model: nn.Module, ask: Ask) -> Watch:
        """An observer of the training; `ask` asks the model that learns, without dropout."""
        every, near = max(LEAST_STEPS, len(self.pools) // CHECKS_PER_EPOCH), NEAR * max(self.aim.forget.high, _TINY)
        return Watch(
            Learned.of(model), lambda: self.eyes.reading(self.pools, ask, near=near), self.aim.missed, FLOOR * self.base.retain,
            every, len(self.pools), patience=PATIENCE * CHECKS_PER_EPOCH,
        )  # fmt: skip


def goal_of(source: Source, pools: TextPools, plan: Plan, settings: TextAdapterSettings, base_says: Ask) -> Goal | None:
    """What a plan's training shall reach; None where its settings set no end to forgetting.

    Args:
        source: Reads examples.
        pools: Examples of the run.
        plan: Gives the aim.
        settings: Give the numbers.
        base_says: Asks what the training stands on.

    Raises:
        PlanError: The truth ratio is to be watched, and no example carries what it needs.
    """
    if not ends(plan, settings):
        return None
    eyes = Eyes(source, source.material.network(), _with_truths(source, pools) if settings.most_truth_ratio is not None else ())
    base = eyes.reading(pools, base_says)
    return Goal(eyes, pools, aim_of(plan, settings, base), base)


def _with_truths(source: Source, pools: TextPools) -> tuple[int, ...]:
    """Forget examples that carry another wording of the right answer and wrong ones.

    Raises:
        PlanError: None does.
    """
    positions = map(int, pools.judged.index)
    able = [one for one in positions if source.wordings("paraphrase", one) and source.wordings("perturbed", one)]
    if not able:
        raise PlanError(
            "setting 'most_truth_ratio' needs other wordings of the right answer and wrong answers, and no forget example has "
            "both. Leave the setting out, or add 'paraphrase' and 'perturbed' to the data."
        )
    return tuple(evenly(np.asarray(able), TRUTHS).tolist())
