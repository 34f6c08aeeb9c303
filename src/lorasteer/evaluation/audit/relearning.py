"""Relearning: how fast a few examples and a few steps bring the target back.

A copy of the model is trained by plain cross-entropy with AdamW, on a few examples of the target mixed with as many others, on
related examples, or on unrelated ones; then it is judged on examples of the target that it did not learn from (arXiv:2406.13356).
The recipe is the attack's own, equal for every model, and knows nothing of how the model was unlearned. Either the modules that
the change altered are trained, or all weights. BatchNorm keeps its statistics.

Steps alone prove nothing, for a model that never saw the target learns it too: only the distance to the retrained model and to one
that was never trained counts. What is learned of the target is weighed against what is lost elsewhere (`recovery`).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from pydantic import Field
from torch import nn

from lorasteer.evaluation.audit.recovery import JUDGED, Judge, Score, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AuditCurve
from lorasteer.tasks.prefix import Replay, Rows, find_cut, record, replay
from lorasteer.tasks.splits import Index

_PROBE = 4
_BACKWARD = 3  # a step costs about three forward passes
_NEAREST = 2  # classes that stand for "related" where the target's own class is forgotten whole


class RelearnSettings(Settings):
    """Settings of the relearning attacks."""

    examples: Annotated[int, Field(gt=0)] = 32
    """Examples to learn from; beside examples of the target, as many others."""
    steps: Annotated[int, Field(gt=0)] = 20
    """Optimiser steps, each on all of them."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of AdamW."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the base's accuracy on the target that counts as relearned."""


class Course(NamedTuple):
    """How a relearning went.

    Args:
        at: Steps after which the model was judged, from 0 on.
        scores: What it knew then.
    """

    at: tuple[int, ...]
    scores: tuple[Score, ...]

    def steps_to(self, wanted: float) -> int | None:
        """The first step judged at which a share of the base's knowledge is back; None where it never is.

        Example:
            >>> Course((0, 1, 5), (Score(0, 1, 0), Score(0.4, 1, 0.4), Score(0.9, 1, 0.9))).steps_to(0.5)
            5
        """
        return next((step for step, score in zip(self.at, self.scores, strict=True) if score.recovered >= wanted), None)

    @property
    def area(self) -> float:
        """Area under the recovery curve over the steps, as a share of full recovery from the first step on; 0 … 1.

        Example:
            >>> Course((0, 2, 4), (Score(0, 1, 0), Score(1, 1, 1), Score(1, 1, 1))).area  # a slope over half of the steps, then full
            0.75
        """
        heights = [score.recovered for score in self.scores]
        return float(np.trapezoid(heights, self.at)) / (self.at[-1] - self.at[0])


def _cost(ground: Ground) -> float:
    plan = RelearnSettings()
    places = len(checkpoints(plan.steps))
    return ground.forward_seconds * 2 * (plan.steps * 2 * plan.examples * _BACKWARD + places * 2 * JUDGED)


@ATTACKS.add(
    "relearn-forget",
    kind="relearning", cost=_cost, settings=RelearnSettings, suite=frozenset({"quick", "full"}), order=10,
)  # fmt: skip
def relearn_forget(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn a few examples of the target again, mixed with as many retained ones."""
    mine = ground.drawn(ground.splits.forget, _spared(ground, settings.examples), "relearn forget")
    others = ground.drawn(ground.splits.retain, settings.examples, "relearn beside")
    return _relearned(ground, subject, settings, np.concatenate([mine, others]), len(mine), "examples of the target")


@ATTACKS.add("relearn-related", kind="relearning", cost=_cost, settings=RelearnSettings, order=11)
def relearn_related(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn retained examples that resemble the target; not one of the target itself."""
    near = related(ground)
    chosen = ground.drawn(ground.splits.retain[np.isin(_retained_labels(ground), near)], 2 * settings.examples, "relearn related")
    return _relearned(ground, subject, settings, chosen, 0, f"retained examples of classes {', '.join(map(str, near))}")


@ATTACKS.add("relearn-unrelated", kind="relearning", cost=_cost, settings=RelearnSettings, order=12)
def relearn_unrelated(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn retained examples that do not resemble the target."""
    far = ~np.isin(_retained_labels(ground), related(ground))
    chosen = ground.drawn(ground.splits.retain[far], 2 * settings.examples, "relearn unrelated")
    return _relearned(ground, subject, settings, chosen, 0, "retained examples of the other classes")


def related(ground: Ground) -> tuple[int, ...]:
    """Classes that resemble the target: its own where some of their examples are retained, else those the base confuses with it.

    The base's mean probability over the forget set ranks the retained classes, so every subject is attacked with the same ones.
    """
    labels = ground.labels("train", ground.splits.forget).unique()
    kept = np.unique(_retained_labels(ground))
    own = [int(label) for label in labels if label in kept]
    if own:
        return tuple(own)
    sample = ground.drawn(ground.splits.forget, JUDGED, "related")
    likely = ground.logits(ground.original, "train", sample).double().softmax(-1).mean(0)
    return tuple(sorted(sorted(kept.tolist(), key=lambda label: -likely[label].item())[:_NEAREST]))


def _retained_labels(ground: Ground) -> Index:
    return ground.remember(("retained labels",), lambda: ground.labels("train", ground.splits.retain).numpy())


def _spared(ground: Ground, wanted: int) -> int:
    """Examples of the target to learn from: some are left to judge by where the test set has none."""
    available = len(ground.splits.forget)
    return wanted if len(ground.splits.forget_test) else min(wanted, available // 2)


def _relearned(ground: Ground, subject: Subject, settings: RelearnSettings, chosen: Index, of_target: int, what: str) -> Finding:
    judge = Judge.on(ground, without=chosen)
    taught = f"{len(chosen)} examples, {of_target} of them of the target" if of_target else f"{len(chosen)} {what}"
    if not len(chosen) or not judge.size:
        missing = f"no {what} to learn from" if not len(chosen) else "no examples of the target are left to judge by"
        return Finding((share("relearned_touched", None, 0, note=missing), share("relearned_all", None, 0, note=missing)))
    measurements: list[Measurement] = []
    curves = []
    for scope, layers in (("touched", ground.layers), ("all", ())):
        course = relearn(ground, subject, judge, chosen, layers=layers, settings=settings)
        measurements += _measured(course, scope, judge, settings)
        curves += _drawn(course, scope)
    return Finding(tuple(measurements), tuple(curves), judge.size, (f"Taught {taught}; judged on {judge.size} others.",))


def relearn(
    ground: Ground, subject: Subject, judge: Judge, chosen: Index, *, layers: Sequence[str], settings: RelearnSettings
) -> Course:
    """Train a copy of the subject on some training examples and judge it on the way.

    Args:
        ground: Where the examples come from.
        subject: Left bit-identical.
        judge: Judges the copy.
        chosen: Training examples, with their true labels.
        layers: Modules that learn; all weights where none is named. What lies before them is computed once.
        settings: Numbers of the attack.
    """
    network = copy.deepcopy(subject.network).eval().requires_grad_(False)
    learning = [parameter for name in layers or ("",) for parameter in network.get_submodule(name).parameters()]
    for parameter in learning:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(learning, settings.learning_rate, weight_decay=0.0, fused=True)
    labels = ground.labels("train", chosen)
    at, scores = checkpoints(settings.steps), []
    with _behind_the_frozen_part(ground, network, judge, chosen, layers) as (run, taught, asked):
        for step in range(settings.steps + 1):
            if step in at:
                with torch.no_grad():
                    scores.append(judge.score(*(run(rows).float() for rows in asked)))
            if step < settings.steps:
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(F.cross_entropy(run(taught).float(), labels))
                optimizer.step()
    return Course(at, tuple(scores))


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps to judge at: few, closer together at the start.

    Example:
        >>> checkpoints(20)
        (0, 1, 2, 5, 10, 20)
    """
    usual = [place * power for power in (1, 10, 100, 1000) for place in (1, 2, 5)]
    return (0, *(step for step in usual if step < steps), steps)


@contextlib.contextmanager
def _behind_the_frozen_part(
    ground: Ground, network: nn.Module, judge: Judge, chosen: Index, layers: Sequence[str]
) -> Iterator[tuple[Replay, Rows, tuple[Rows, Rows]]]:
    """The network from its first learning module on, and what the modules before it say: of examples to learn and of those asked."""
    probe = ground.batch("train", np.arange(_PROBE))
    cut = find_cut(network, layers, probe)
    taught, forget, retain = (
        record(network, cut, ground.batch(part, index))
        for part, index in (("train", chosen), (judge.forget_part, judge.forget), ("test", judge.retain))
    )
    with replay(network, cut, probe.shape[1:]) as run:
        yield run, taught, (forget, retain)


def _measured(course: Course, scope: str, judge: Judge, settings: RelearnSettings) -> tuple[Measurement, ...]:
    """The end, the area and the speed of a course."""
    steps = course.steps_to(settings.share)
    never = "" if steps is not None else f"less than {settings.share:.0%} recovered within {course.at[-1]} steps"
    last = course.scores[-1]
    return (
        share(f"relearned_{scope}", last.recovered, judge.size, note=f"forget {last.forget:.3f}, retain {last.retain:.3f}"),
        share(f"relearn_area_{scope}", course.area, judge.size),
        Measurement(
            name=f"relearn_steps_{scope}", value=steps, unit="steps", n=judge.size, better="near-retrained", low=0.0, note=never
        ),
    )


def _drawn(course: Course, scope: str) -> tuple[AuditCurve, ...]:
    at = tuple(map(float, course.at))
    return (
        AuditCurve(
            label=f"recovered, {scope}", x=at, y=tuple(score.recovered for score in course.scores), x_label="steps",
            y_label="share of the base's accuracy, less losses",
        ),
        AuditCurve(
            label=f"forget accuracy, {scope}", x=at, y=tuple(score.forget for score in course.scores), x_label="steps",
            y_label="accuracy",
        ),
    )  # fmt: skip
