"""Noise on the change, and pruning of it: does the target come back when the update is blurred or thinned out?

Both look at what a model's weights have beyond the base's. *Noise* adds to each altered tensor a Gaussian one whose norm is a
multiple of the update's. *Pruning* undoes the smallest entries of the update, tensor by tensor, up to a share of them. Neither
needs training or examples of the target.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from lorasteer.evaluation.audit.recovery import JUDGED, Judge, Judging, Known, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import CommonGround, Ground, Subject
from lorasteer.evaluation.audit.weights import altered, difference
from lorasteer.records import Settings
from lorasteer.records.audit import AuditCurve


class NoiseSettings(Settings):
    """Settings of the noise on a change."""

    levels: tuple[Annotated[float, Field(ge=0)], ...] = (0.25, 0.5, 1.0)
    """Norm of the noise as a multiple of the update's, in rising order."""
    draws: Annotated[int, Field(gt=0)] = 3
    """Draws of the noise; the mean over them is given."""


class PruneSettings(Settings):
    """Settings of the pruning of a change."""

    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.25, 0.5, 0.75, 0.9)
    """Shares of the entries of the update to undo, in rising order."""


def noisy(update: Float[Tensor, ...], level: float, generator: np.random.Generator) -> Float[Tensor, ...]:
    """An update with Gaussian noise of `level` times its norm.

    Example:
        >>> update = torch.tensor([3.0, 4.0])
        >>> round((noisy(update, 0.5, np.random.default_rng(0)) - update).norm().item(), 6)  # half of 5
        2.5
    """
    noise = torch.from_numpy(generator.standard_normal(update.shape)).to(update)
    return update + noise * (level * float(update.norm()) / max(float(noise.norm()), 1e-30))


def pruned(update: Float[Tensor, ...], part: float) -> Float[Tensor, ...]:
    """An update with the smallest of its entries set to zero.

    Args:
        update: Difference to the base.
        part: Share of the entries to set to zero, rounded to a whole number of them.

    Example:
        >>> pruned(torch.tensor([0.1, -3.0, 0.2, 2.0]), 0.5).tolist()
        [0.0, -3.0, 0.0, 2.0]
    """
    flat = update.reshape(-1).clone()
    flat[flat.abs().argsort(stable=True)[: round(part * len(flat))]] = 0.0
    return flat.reshape(update.shape)


def _noise_cost(ground: Ground) -> float:
    plan = NoiseSettings()
    return ground.forward_seconds * 2 * JUDGED * len(plan.levels) * plan.draws


@ATTACKS.add("noise", kind="noise", cost=_noise_cost, settings=NoiseSettings, needs=frozenset({"change"}), order=51)
def noise(ground: Ground, subject: Subject, settings: NoiseSettings) -> Finding:
    """Blur the update with Gaussian noise."""
    return blurred(Judge.on(ground), ground, subject, settings)


class _Mean(NamedTuple):
    """Mean of what was known over several draws."""

    forget: float
    retain: float
    recovered: float

    @property
    def standing(self) -> tuple[float, ...]:
        """What was recovered."""
        return (self.recovered,)


def blurred(judge: Judging, ground: CommonGround, subject: Subject, settings: NoiseSettings) -> Finding:
    """What is known with noise on the update, by its level.

    Args:
        judge: Judges each draw.
        ground: Where base and random numbers come from.
        subject: A model with a change; left bit-identical.
        settings: Levels and draws.
    """
    update = difference(ground, subject)
    base = dict(ground.base.model.named_parameters())
    scores: list[Known] = []
    for level in settings.levels:
        drawn = []
        for draw in range(settings.draws):
            generator = ground.generator(f"noise {level} {draw}")
            values = {name: base[name].detach() + noisy(moved, level, generator) for name, moved in update.items()}
            drawn.append(judge.tried(altered(subject.network, values)))
        triples = [(score.forget, score.retain, score.recovered) for score in drawn]
        scores.append(_Mean(*(float(np.mean(side)) for side in zip(*triples, strict=True))))
    return _told(judge, judge.known(subject), "noise", settings.levels, scores, "norm of the noise over the update's")


def _prune_cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * JUDGED * len(PruneSettings().shares)


@ATTACKS.add("prune", kind="noise", cost=_prune_cost, settings=PruneSettings, needs=frozenset({"change"}), order=52)
def prune(ground: Ground, subject: Subject, settings: PruneSettings) -> Finding:
    """Undo the smallest entries of the update."""
    return thinned(Judge.on(ground), ground, subject, settings)


def thinned(judge: Judging, ground: CommonGround, subject: Subject, settings: PruneSettings) -> Finding:
    """What is known with the smallest entries of the update undone, by their share.

    Args:
        judge: Judges each of them.
        ground: Where the base comes from.
        subject: A model with a change; left bit-identical.
        settings: Shares.
    """
    update = difference(ground, subject)
    base = dict(ground.base.model.named_parameters())
    scores: list[Known] = []
    for part in settings.shares:
        values = {name: base[name].detach() + pruned(moved, part) for name, moved in update.items()}
        scores.append(judge.tried(altered(subject.network, values)))
    return _told(judge, judge.known(subject), "prune", settings.shares, scores, "share of the update undone")


def _told(judge: Judging, before: Known, name: str, x: tuple[float, ...], scores: list[Known], x_label: str) -> Finding:
    """What was regained at each place, and the most of it."""
    regained = [max(0.0, score.recovered - before.recovered) for score in scores]
    most = int(np.argmax(regained))
    note = (
        f"at {x[most]:g}: forget {scores[most].forget:.3f}, retain {scores[most].retain:.3f}; before, forget {before.forget:.3f}"
    )
    measurements = (share(f"{name}_regained", regained[most], judge.size, better="lower", note=note),)
    curves = tuple(
        AuditCurve(label=label, x=x, y=y, x_label=x_label, y_label=judge.word)
        for label, y in (
            (f"forget {judge.word}", tuple(score.forget for score in scores)),
            (f"retain {judge.word}", tuple(score.retain for score in scores)),
        )
    )
    return Finding(measurements, curves, judge.size)
