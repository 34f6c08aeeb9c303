"""Linear probes: can the target be read from what the layers of a model say, and how few examples does a fresh head need?

Two attacks. The *probe* asks, at every station of the network, whether a logistic regression tells the target from the rest. It
proves nothing alone, for images of one class look alike to any network: a retrained model scores 0.97 and more on digits. The
*refit* takes the head away, which a change of the head alone has to survive, and fits a new one on one, two, five or ten examples
of each class. A model that knows the target holds its examples close together, so that one goes far. Both count only beside the
retrained model.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lorasteer.core.linear import fitted_head, linear_probe
from lorasteer.core.statistics import rank_auc
from lorasteer.evaluation.audit.recovery import JUDGED, Judge, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.stations import features, stations
from lorasteer.evaluation.audit.subject import Examples, Ground, Subject
from lorasteer.records import Settings
from lorasteer.records.audit import AuditCurve
from lorasteer.tasks.splits import Index, Part

_PROBES = 4
_MANY = 1000  # examples that a pool for refitted heads holds at most


class ProbeSettings(Settings):
    """Settings of the linear probe."""

    examples: Annotated[int, Field(gt=1)] = 500
    """Examples of each side to fit on, at most."""
    ridge: Annotated[float, Field(gt=0)] = 1.0
    """Penalty on the slopes, for standardised features."""


class RefitSettings(Settings):
    """Settings of the refitted head."""

    shots: tuple[Annotated[int, Field(gt=0)], ...] = (1, 2, 5, 10)
    """Examples of each class to fit on, in rising order."""
    draws: Annotated[int, Field(gt=0)] = 20
    """Draws of those examples; the mean over them is given."""
    ridge: Annotated[float, Field(gt=0)] = 1.0
    """Penalty on the head's matrix, for standardised features."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the base's accuracy on the target that counts as back."""


class Sides(NamedTuple):
    """Examples that a probe is fitted on, and others it is tried on.

    Args:
        fit: Parts and positions of target and rest to fit on.
        test: The same to try on.
    """

    fit: tuple[Examples, Examples]
    test: tuple[Examples, Examples]


def sides_of(ground: Ground, count: int) -> Sides:
    """Target against rest: fitted on training examples, tried on test examples, or where there are none on the other half.

    Args:
        ground: Where the examples come from.
        count: Examples of each side at most.
    """
    judge = Judge.on(ground)
    forget = ground.splits.forget
    fit, tested = forget, judge.target
    if not len(ground.splits.forget_test):
        order = ground.generator("probe halves").permutation(forget)
        fit, tested = order[::2], ("train", np.sort(order[1::2])[:JUDGED])
    rest = ground.drawn(ground.splits.retain, count, "probe rest")
    return Sides((("train", ground.drawn(fit, count, "probe target")), ("train", rest)), (tested, judge.others))


def read_features(ground: Ground, subject: Subject, part: Part, index: Index) -> dict[str, Tensor]:
    """Pooled states at every station of a subject, asked once for the same examples."""
    names = ground.remember(("stations",), lambda: stations(ground.base.model, ground.batch("train", np.arange(_PROBES))))
    key = ("features", subject.digest, part, index.tobytes())
    return ground.remember(key, lambda: features(subject.network, names, ground.inputs, part, index))


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * (2 * ProbeSettings().examples + 2 * JUDGED) * 1.5


@ATTACKS.add(
    "linear-probe", kind="probe", cost=_cost, settings=ProbeSettings, suite=frozenset({"quick", "full"}), order=20
)  # fmt: skip
def layer_probe(ground: Ground, subject: Subject, settings: ProbeSettings) -> Finding:
    """Tell the target from the rest by a logistic regression on what each station says."""
    sides = sides_of(ground, settings.examples)
    least = min(len(index) for pair in sides for _, index in pair)
    if least < 2:
        return Finding((share("probe_accuracy_last", None, least, note="the probe needs two examples of each side"),))
    fit, test = ([read_features(ground, subject, *side) for side in pair] for pair in sides)
    read = {name: _probed([s[name] for s in fit], [s[name] for s in test], settings.ridge) for name in fit[0]}
    names = tuple(read)
    balanced, areas = tuple(read[name][0] for name in names), tuple(read[name][1] for name in names)
    n = len(sides.test[0][1])
    best = int(np.argmax(balanced))
    measurements = (
        share("probe_accuracy_last", balanced[-1], n, note=f"balanced accuracy at {names[-1]}"),
        share("probe_auc_last", areas[-1], n, note=f"at {names[-1]}"),
        share("probe_accuracy_best", balanced[best], n, note=f"at {names[best]}"),
        share("probe_accuracy_mean", float(np.mean(balanced)), n, note=f"over {len(names)} stations"),
    )
    x = tuple(map(float, range(len(names))))
    curve = AuditCurve(label="probe", x=x, y=balanced, x_label="station", y_label="balanced accuracy", ticks=names)
    note = "A probe says nothing alone: the retrained model's is the mark."
    return Finding(measurements, (curve,), n, (note,))


def _probed(fit: list[Tensor], test: list[Tensor], ridge: float) -> tuple[float, float]:
    """Balanced accuracy and area of a probe fitted on (target, rest) and tried on (target, rest)."""
    rows = torch.cat(fit).double()
    middle, spread = standard(rows)
    slopes, intercept = linear_probe((rows - middle) / spread, torch.arange(len(rows)) < len(fit[0]), ridge=ridge)
    target, rest = ((side.double() - middle) / spread @ slopes + intercept for side in test)
    hits = ((target > 0).double().mean() + (rest <= 0).double().mean()) / 2
    return hits.item(), rank_auc(target, rest)


def standard(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature; one that never varies keeps its scale."""
    spread = rows.std(0, correction=0)
    return rows.mean(0), torch.where(spread > 1e-9, spread, torch.ones_like(spread))


def _refit_cost(ground: Ground) -> float:
    return ground.forward_seconds * (_MANY + 2 * JUDGED) + 2.0


@ATTACKS.add(
    "head-refit", kind="probe", cost=_refit_cost, settings=RefitSettings, suite=frozenset({"quick", "full"}), order=21
)  # fmt: skip
def head_refit(ground: Ground, subject: Subject, settings: RefitSettings) -> Finding:
    """Replace the head by one fitted on a few examples of each class, the target's with it."""
    pool = _pool(ground, max(settings.shots) * 4)
    judge = Judge.on(ground, without=pool)
    if not judge.size:
        why = "no example of the target is left to judge by"
        return Finding(tuple(share(f"refit_forget_{shots}", None, 0, note=why) for shots in settings.shots))
    asked: tuple[Examples, ...] = (("train", pool), judge.target, judge.others)
    rows, forget, retain = (list(read_features(ground, subject, *side).values())[-1].double() for side in asked)
    middle, spread = standard(rows)
    rows, forget, retain = ((side - middle) / spread for side in (rows, forget, retain))
    labels = ground.labels("train", pool)
    known = []
    for shots in settings.shots:
        heads = [_few(ground, labels, shots, draw) for draw in range(settings.draws)]
        fits = [fitted_head(rows[few], labels[few], ground.classes, ridge=settings.ridge) for few in heads]
        scores = [judge.score(forget @ matrix + offset, retain @ matrix + offset) for matrix, offset in fits]
        known.append((float(np.mean([s.forget for s in scores])), float(np.mean([s.retain for s in scores]))))
    return _refitted(judge, settings, known)


def _refitted(judge: Judge, settings: RefitSettings, known: list[tuple[float, float]]) -> Finding:
    forget = tuple(accuracy for accuracy, _ in known)
    retain = tuple(accuracy for _, accuracy in known)
    x = tuple(map(float, settings.shots))
    measurements = (
        *(share(f"refit_forget_{shots}", value, judge.size) for shots, value in zip(settings.shots, forget, strict=True)),
        share("refit_retain", retain[-1], len(judge.retain), note=f"{settings.shots[-1]} examples of each class"),
    )
    curves = tuple(
        AuditCurve(label=label, x=x, y=y, x_label="examples of each class", y_label="accuracy")
        for label, y in (("forget accuracy", forget), ("retain accuracy", retain))
    )
    note = f"Mean over {settings.draws} draws of a least-squares head on the last station's features."
    return Finding(measurements, curves, judge.size, (note,))


def _pool(ground: Ground, each: int) -> Index:
    """Training examples of every class to draw from, equally many of each where there are as many."""
    splits = ground.splits
    everything = np.concatenate([splits.forget if len(splits.forget_test) else splits.forget[::2], splits.retain])
    labels = ground.labels("train", everything).numpy()
    each = min(each, max(1, _MANY // ground.classes))
    return np.concatenate([ground.drawn(everything[labels == label], each, f"refit {label}") for label in np.unique(labels)])


def _few(ground: Ground, labels: Tensor, shots: int, draw: int) -> Tensor:
    """Positions of a few examples of each class in the pool."""
    generator = ground.generator(f"shots {shots} {draw}")
    members = [np.flatnonzero(labels.numpy() == label) for label in np.unique(labels.numpy())]
    return torch.from_numpy(np.concatenate([generator.permutation(rows)[:shots] for rows in members]))
