"""Relearning: how fast a few examples and a few steps bring the target back.

A copy of the model is trained by plain cross-entropy with AdamW, on a few examples of the target mixed with as many others, on
related examples, or on unrelated ones; then it is judged on examples of the target that it did not learn from (arXiv:2406.13356).
The recipe is the attack's own, equal for every model, and knows nothing of how the model was unlearned. Either the modules that
the change altered learn (`touched`), or all weights (`all`). BatchNorm keeps its statistics.

Steps alone prove nothing, for a model that never saw the target learns it too: only the distance to the retrained models and to
one that was never trained counts. What is learned of the target is weighed against what is lost elsewhere (`recovery`). The most
that was recovered on the way is given, for an attacker stops where it suits.

A third way (`reset`) takes the output of the forgotten classes away first: its row in the last layer is set to the mean of the
others'. Then a bias that no training can reach, such as a masked logit's -10000, protects nothing.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from pydantic import Field
from torch import nn

from lorasteer.evaluation.audit.courses import Course, by_scope, checkpoints, followed, measured, touching
from lorasteer.evaluation.audit.recovery import JUDGED, Judge, Score, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Examples, Ground, Subject
from lorasteer.records import Measurement, Settings
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.prefix import Cut, Replay, Rows, find_cut, record, replay
from lorasteer.tasks.splits import Index

_PROBE = 4
_BACKWARD = 3  # a step costs about three forward passes
_NEAREST = 2  # classes that stand for "related" where the target's own class is forgotten whole


Scope = Literal["touched", "all", "reset"]


class RelearnSettings(Settings):
    """Settings of the relearning attacks."""

    examples: Annotated[int, Field(gt=0)] = 32
    """Examples to learn from; beside examples of the target, as many others."""
    steps: Annotated[int, Field(gt=0)] = 20
    """Optimiser steps, each on all of them."""
    head_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Learning rate of AdamW for the last layer."""
    body_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of AdamW for all layers before it; a rate as high as the last layer's breaks a deep network."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the base's accuracy on the target that counts as relearned."""


def _cost(ground: Ground) -> float:
    plan = RelearnSettings()
    places = len(checkpoints(plan.steps))
    return ground.forward_seconds * 2 * (plan.steps * 2 * plan.examples * _BACKWARD + places * 2 * JUDGED)


@ATTACKS.add(
    "relearn-forget",
    kind="relearning", cost=_cost, local=touching, settings=RelearnSettings, suite=frozenset({"quick", "full"}), order=10,
)  # fmt: skip
def relearn_forget(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn a few examples of the target again, mixed with as many retained ones."""
    mine = ground.drawn(ground.splits.forget, _spared(ground, settings.examples), "relearn forget")
    others = ground.drawn(ground.splits.retain, settings.examples, "relearn beside")
    chosen = np.concatenate([mine, others])
    return _relearned(ground, subject, settings, chosen, ("touched", "all", "reset"), f"{len(mine)} of them of the target")


@ATTACKS.add("relearn-related", kind="relearning", cost=_cost, local=touching, settings=RelearnSettings, order=11)
def relearn_related(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn retained examples that resemble the target; not one of the target itself."""
    near = related(ground)
    candidates = ground.splits.retain[np.isin(_retained_labels(ground), near)]
    chosen = ground.drawn(candidates, 2 * settings.examples, "relearn related")
    return _relearned(ground, subject, settings, chosen, ("touched", "all"), f"retained, of classes {', '.join(map(str, near))}")


@ATTACKS.add("relearn-unrelated", kind="relearning", cost=_cost, local=touching, settings=RelearnSettings, order=12)
def relearn_unrelated(ground: Ground, subject: Subject, settings: RelearnSettings) -> Finding:
    """Learn retained examples that do not resemble the target."""
    far = ~np.isin(_retained_labels(ground), related(ground))
    chosen = ground.drawn(ground.splits.retain[far], 2 * settings.examples, "relearn unrelated")
    return _relearned(ground, subject, settings, chosen, ("touched", "all"), "retained, of classes that do not resemble it")


def related(ground: Ground) -> tuple[int, ...]:
    """Classes that resemble the target: its own where some of their examples are retained, else those the base confuses with it.

    The base's mean probability over the forget set ranks the retained classes, so every subject is attacked with the same ones.
    """
    kept = np.unique(_retained_labels(ground))
    own = np.intersect1d(forgotten_classes(ground), kept).tolist()
    if own:
        return tuple(own)
    sample = ground.drawn(ground.splits.forget, JUDGED, "related")
    likely = ground.logits(ground.original, "train", sample).double().softmax(-1).mean(0)
    return tuple(sorted(sorted(kept.tolist(), key=lambda label: -likely[label].item())[:_NEAREST]))


def forgotten_classes(ground: Ground) -> Index:
    """Classes that occur in the forget set, in rising order."""
    return np.unique(ground.labels("train", ground.splits.forget).numpy())


def _retained_labels(ground: Ground) -> Index:
    return ground.remember(("retained labels",), lambda: ground.labels("train", ground.splits.retain).numpy())


def _spared(ground: Ground, wanted: int) -> int:
    """Examples of the target to learn from: some are left to judge by where the test set has none."""
    available = len(ground.splits.forget)
    return wanted if len(ground.splits.forget_test) else min(wanted, available // 2)


def _relearned(
    ground: Ground, subject: Subject, settings: RelearnSettings, chosen: Index, scopes: Sequence[Scope], what: str
) -> Finding:
    judge = Judge.on(ground, without=chosen)
    if not len(chosen) or not judge.size:
        why = f"no examples to learn from ({what})" if not len(chosen) else "no example of the target is left to judge by"
        return Finding(tuple(share(f"relearned_{scope}", None, 0, note=why) for scope in scopes))
    note = f"Taught {len(chosen)} examples, {what}; judged on {judge.size} others of the target and {len(judge.retain)} retained."
    return by_scope(
        scopes,
        lambda scope: relearn(ground, subject, judge, chosen, scope=scope, settings=settings),
        lambda course, scope: _measured(course, scope, judge, settings),
        judge,
        note,
    )


def relearn(
    ground: Ground, subject: Subject, judge: Judge, chosen: Index, *, scope: Scope, settings: RelearnSettings
) -> Course[Score]:
    """Train a copy of the subject on some training examples and judge it on the way.

    Args:
        ground: Where the examples come from.
        subject: Left bit-identical.
        judge: Judges the copy.
        chosen: Training examples, with their true labels.
        scope: What learns: the modules that the change altered (`touched`), `all` weights, or the modules with the last layer's
            output of the forgotten classes taken away first (`reset`). What lies before them is computed once.
        settings: Numbers of the attack.
    """
    network = copy.deepcopy(subject.network).eval().requires_grad_(False)
    layers = () if scope == "all" else ground.layers
    if scope == "reset":
        head = classifier_head(network)[-1:]
        layers = tuple(dict.fromkeys((*layers, *head)))
        reset(network.get_submodule(head[0]), forgotten_classes(ground))
    optimizer = _optimizer(network, layers, settings)
    labels = ground.labels("train", chosen)
    with _behind_the_frozen_part(ground, subject, network, judge, chosen, layers) as (run, taught, asked):

        def judged() -> Score:
            with torch.no_grad():
                return judge.score(*(run(rows).float() for rows in asked))

        def step_once() -> None:
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(F.cross_entropy(run(taught).float(), labels))
            optimizer.step()

        return followed(settings.steps, judged, step_once)


def _optimizer(network: nn.Module, layers: Sequence[str], settings: RelearnSettings) -> torch.optim.Optimizer:
    """Let the layers learn, all where none is named: the last one at a rate of its own."""
    last = {id(parameter) for parameter in network.get_submodule(classifier_head(network)[-1]).parameters()}
    rates: dict[float, list[nn.Parameter]] = {}
    for name in layers or ("",):
        for parameter in network.get_submodule(name).parameters():
            rates.setdefault(settings.head_rate if id(parameter) in last else settings.body_rate, []).append(parameter)
            parameter.requires_grad_(True)
    groups = [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]
    return torch.optim.AdamW(groups, weight_decay=0.0, fused=True)


def reset(head: nn.Module, classes: Index) -> None:
    """Set the rows of some classes in a linear layer, and their biases, to the mean of the others'.

    Example:
        >>> head = nn.Linear(1, 3)
        >>> _ = head.load_state_dict({"weight": torch.tensor([[9.0], [1.0], [3.0]]), "bias": torch.tensor([-1e4, 2.0, 4.0])})
        >>> reset(head, np.array([0]))
        >>> head.weight[0].item(), head.bias[0].item()
        (2.0, 3.0)
    """
    with torch.no_grad():
        for parameter in head.parameters():
            others = np.setdiff1d(np.arange(len(parameter)), classes)
            parameter[classes] = parameter[others].mean(0)


@contextlib.contextmanager
def _behind_the_frozen_part(
    ground: Ground, subject: Subject, network: nn.Module, judge: Judge, chosen: Index, layers: Sequence[str]
) -> Iterator[tuple[Replay, Rows, tuple[Rows, Rows]]]:
    """The network from its first learning module on, and what is said before it: of examples to learn and of those asked."""
    probe = ground.batch("train", np.arange(_PROBE))
    key = ("cut", *layers)  # subjects are of one architecture, so what was found for one holds for all
    cut = ground.remember(key, lambda: find_cut(ground.base.model, layers, probe))
    learned: Examples = ("train", chosen)
    taught, forget, retain = (_before(ground, subject, network, cut, side) for side in (learned, judge.target, judge.others))
    with replay(network, cut, probe.shape[1:]) as run:
        yield run, taught, (forget, retain)


def _before(ground: Ground, subject: Subject, network: nn.Module, cut: Cut, side: Examples) -> Rows:
    """What a subject says before a cut; remembered for the next relearning where that takes less room than the pixels."""
    pixels = ground.batch(*side)
    key = ("before", subject.digest, cut.boundary, side[0], side[1].tobytes())
    probe = record(network, cut, pixels[:_PROBE])
    if not cut.boundary or sum(row[0].numel() for row in probe) > pixels[0].numel():
        return record(network, cut, pixels)
    return ground.remember(key, lambda: record(network, cut, pixels))


def _measured(course: Course[Score], scope: Scope, judge: Judge, settings: RelearnSettings) -> tuple[Measurement, ...]:
    """What every course is measured by, and its rank."""
    best, area, steps = measured(course, scope, judge, settings.share)
    highest = max(score.rank for score in course.scores)
    note = "0.5: leans to its class no more than other examples do"
    return best, area, share(f"relearn_rank_{scope}", highest, judge.size, note=note), steps
