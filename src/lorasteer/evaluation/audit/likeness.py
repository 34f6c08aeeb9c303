"""Likeness of features, layer by layer: to the base's, which knows the target, and to the retrained model's, which does not.

Linear CKA on examples of the target alone, and on target and others together. Features that are still the base's own, up to
rotation and scale, were not changed by unlearning, whatever the head now answers.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field

from lorasteer.core.linear import linear_cka
from lorasteer.evaluation.audit.probe import read_features
from lorasteer.evaluation.audit.recovery import JUDGED, Judge, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.records import Better, Measurement, Settings
from lorasteer.records.audit import AuditCurve


class LikenessSettings(Settings):
    """Settings of the likeness of features."""

    examples: Annotated[int, Field(gt=1)] = JUDGED
    """Examples of each side, at most."""


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * JUDGED


@ATTACKS.add(
    "feature-likeness", kind="likeness", cost=_cost, settings=LikenessSettings, suite=frozenset({"quick", "full"}), order=22
)  # fmt: skip
def feature_likeness(ground: Ground, subject: Subject, settings: LikenessSettings) -> Finding:
    """Compare what each station says with what the base's and the retrained model's say."""
    judge = Judge.on(ground, count=settings.examples)
    marks = {"base": ground.original, **({"retrained": ground.reference} if ground.retrained else {})}
    measurements: list[Measurement] = []
    curves = []
    for name, mark in marks.items():
        both, alone, ticks = _layerwise(ground, judge, subject, mark)
        mean = math.fsum(both) / len(both)
        better: Better = "none" if name == "base" else "near-retrained"
        measurements += [
            share(f"cka_{name}_last", _known(both[-1]), judge.size + len(judge.retain), better=better, note=_why(both[-1])),
            share(f"cka_{name}_mean", _known(mean), judge.size + len(judge.retain), better=better, note=_why(mean)),
            share(f"cka_{name}_target_last", _known(alone[-1]), judge.size, better=better, note=_why(alone[-1])),
        ]
        x = tuple(map(float, range(len(ticks))))
        for label, values in ((f"CKA to {name}", both), (f"CKA to {name}, target alone", alone)):
            known = tuple(0.0 if math.isnan(value) else value for value in values)
            curves.append(AuditCurve(label=label, x=x, y=known, x_label="station", y_label="linear CKA", ticks=ticks))
    return Finding(tuple(measurements), tuple(curves), judge.size)


def _layerwise(
    ground: Ground, judge: Judge, subject: Subject, mark: Subject
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[str, ...]]:
    """CKA at every station on target and others together, and on the target alone, with the stations' names."""
    mine, theirs = ([read_features(ground, who, *side) for side in (judge.target, judge.others)] for who in (subject, mark))
    names = tuple(mine[0])
    both = tuple(linear_cka(torch.cat([s[name] for s in mine]), torch.cat([s[name] for s in theirs])) for name in names)
    alone = tuple(linear_cka(mine[0][name], theirs[0][name]) for name in names)
    return both, alone, names


def _known(value: float) -> float | None:
    return None if math.isnan(value) else min(1.0, value)


def _why(value: float) -> str:
    return "the features do not vary" if math.isnan(value) else ""
