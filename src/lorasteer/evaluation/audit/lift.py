"""Lifting the logit: does one number, added to the forgotten class's logit, bring the target back?

Unlearning that only pushes a class below its rivals leaves the order of the images behind: those of the target still lean to
their class more than others do. An attacker who owns the weights adds a constant to the class's bias. The constant is chosen on a
few training examples and judged on others. Without any constant, the *rank* says how much is there to be lifted: the probability
that an example of the target leans more to its class than one of another class, the area under the curve of this attack.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lorasteer.evaluation.audit.recovery import JUDGED, Judge, lean, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.records import Measurement, Settings


class LiftSettings(Settings):
    """Settings of the lifted logit."""

    examples: Annotated[int, Field(gt=0)] = 100
    """Training examples of the target, and as many retained ones, to choose the constant on, at most."""


def best_lift(target: Tensor, others: Tensor) -> float:
    """The constant that wins most examples of the target, less the others it takes with it, as shares of each side.

    Args:
        target: Leanings of examples of the target, shape [n], n >= 1.
        others: Leanings of examples of other classes, shape [m], m >= 1.

    Returns:
        The smallest such constant, half way to the next example that would be lost; 0 where lifting wins nothing.

    Example:
        >>> best_lift(torch.tensor([-3.0, -5.0]), torch.tensor([-9.0, -4.0, -11.0]))  # 5 wins all, takes a third with it
        7.0
    """
    places = np.unique(np.maximum(0.0, -torch.cat([target, others]).double().numpy()))
    if not (places > 0).any():
        return 0.0
    lifts = np.unique([0.0, *(places[1:] + places[:-1]) / 2, places[-1] + 1])
    won, taken = ((side.double().numpy()[None] > -lifts[:, None]).mean(1) for side in (target, others))
    return float(lifts[np.argmax(won - taken)])


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * (JUDGED + LiftSettings().examples)


@ATTACKS.add(
    "logit-lift", kind="lift", cost=_cost, settings=LiftSettings, suite=frozenset({"quick", "full"}), order=5
)  # fmt: skip
def logit_lift(ground: Ground, subject: Subject, settings: LiftSettings) -> Finding:
    """Add a constant to the logit of each forgotten class."""
    pool = ground.splits.forget if len(ground.splits.forget_test) else ground.splits.forget[::2]
    mine = ground.drawn(pool, settings.examples, "lift target")
    others = ground.drawn(ground.splits.retain, settings.examples, "lift others")
    judge = Judge.on(ground, without=mine)
    if not judge.size:
        return Finding((share("lifted_recovered", None, 0, note="no example of the target is left to judge by"),))
    lifts = torch.zeros(ground.classes, dtype=torch.float64)
    said, labels = ground.logits(subject, "train", mine), ground.labels("train", mine)
    of_others, their_labels = ground.logits(subject, "train", others), ground.labels("train", others)
    for label in np.unique(labels).tolist():
        target, rest = said[labels == label], of_others[their_labels != label]
        if len(rest):
            lifts[label] = best_lift(lean(target, label), lean(rest, label))
    before = judge.known(subject)
    asked = (ground.logits(subject, *judge.target), ground.logits(subject, *judge.others))
    after = judge.score(*(logits.double() + lifts for logits in asked))
    return Finding(
        (
            Measurement(
                name="target_rank", value=before.rank, unit="auc", n=judge.size, better="near-retrained", low=0.0, high=1.0,
                note="0.5: leans to its class no more than other examples do",
            ),
            share("forget_accuracy_judged", before.forget, judge.size, note=f"retain {before.retain:.3f}"),
            share("lifted_recovered", after.recovered, judge.size, note=f"forget {after.forget:.3f}, retain {after.retain:.3f}"),
        ),
        (),
        judge.size,
        (f"Lifted by {lifts.max().item():.4g}, chosen on {len(mine)} training examples of the target and {len(others)} others.",),
    )  # fmt: skip
