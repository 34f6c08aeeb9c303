"""Unlearning depth: at which layers is the target gone, measured by activation patching in two stages (UDS, arXiv:2605.24614).

At each station the base's state is replaced by another model's, and the rest of the base goes on from there. How far the
log-probability of the true class falls, on examples of the target, says how much of its knowledge that state lacks. First stage:
states of the retrained models, the mean fall over them (for one of them, over the others). Stations where it passes a threshold
are those that *encode* the knowledge, and the fall is their weight. Second stage: states of the model under test, at those
stations. The score is the weighted mean of (fall with the model under test / fall with the retrained models), each cut to 0 … 1:
0 intact, 1 erased as deep as by retraining.

The paper's models all start from one pretrained network and so speak the same language in their hidden layers. Two classifiers
trained from scratch do not, and patching one into the other would destroy everything. So a state passes through a *stitch* first:
an affine map of its channels, fitted by least squares on retained examples alone, that says the same in the base's channels
(Bansal et al., NeurIPS 2021, arXiv:2106.07682). For a model whose state is the base's own the stitch is the identity. How far the
log-probability falls on retained examples the stitch was not fitted on is measured as well, and taken off: that is the stitch's
doing, not unlearning's.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lorasteer.core.linear import affine_map
from lorasteer.evaluation.audit.recovery import Judge, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.stations import channels, like, patched, states, stations
from lorasteer.evaluation.audit.subject import CommonGround, Ground, Subject
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AuditCurve
from lorasteer.tasks.splits import Index, Part

_PROBES = 4
_ROWS = 20_000  # rows of channels a stitch is fitted on at most


class DepthSettings(Settings):
    """Settings of the unlearning depth."""

    examples: Annotated[int, Field(gt=1)] = 120
    """Examples of the target, and as many retained ones, whose states are patched, at most."""
    fitted: Annotated[int, Field(gt=1)] = 600
    """Retained training examples that the stitches are fitted on, at most."""
    threshold: Annotated[float, Field(ge=0)] = 0.05
    """Fall of the mean log-probability, in nats, from which on a station encodes the knowledge."""


class Falls(NamedTuple):
    """How far the base's log-probability of the true class falls when a model's states are patched in, at each station.

    Args:
        target: On examples of the target, in nats.
        others: On retained ones.
    """

    target: tuple[float, ...]
    others: tuple[float, ...]

    @property
    def net(self) -> tuple[float, ...]:
        """The fall on the target beyond that on retained examples, not below 0."""
        return tuple(max(0.0, fall - max(0.0, other)) for fall, other in zip(self.target, self.others, strict=True))


class Depth(NamedTuple):
    """The score, and the stations it rests on.

    Args:
        score: 0 intact … 1 erased as deep as by retraining; None where no station encodes the knowledge.
        encoding: Positions of those that do.
    """

    score: float | None
    encoding: tuple[int, ...]


def depth_score(retrained: tuple[float, ...], subject: tuple[float, ...], threshold: float) -> Depth:
    """Mean over encoding stations of how far the subject falls beside the retrained model, weighted by the latter's fall.

    Example:
        >>> depth_score((0.01, 1.0, 3.0), (5.0, 0.5, 6.0), 0.05)  # (1 * 0.5 + 3 * 1) / 4
        Depth(score=0.875, encoding=(1, 2))
    """
    encoding = tuple(place for place, fall in enumerate(retrained) if fall > threshold)
    if not encoding:
        return Depth(None, ())
    shares = (retrained[place] * min(1.0, max(0.0, subject[place] / retrained[place])) for place in encoding)
    return Depth(sum(shares) / sum(retrained[place] for place in encoding), encoding)


def _cost(ground: Ground) -> float:
    plan, blocks = DepthSettings(), 12
    return ground.forward_seconds * (2 * plan.fitted + 2 * plan.examples * (blocks + 2)) * 1.5


@ATTACKS.add("unlearning-depth", kind="depth", cost=_cost, settings=DepthSettings, needs=frozenset({"retrained"}), order=30)
def unlearning_depth(ground: Ground, subject: Subject, settings: DepthSettings) -> Finding:
    """Patch the states of the retrained models and of the subject into the base, and compare what is lost."""
    names = ground.remember(("stations",), lambda: stations(ground.base.model, ground.batch("train", np.arange(_PROBES))))
    judge = Judge.on(ground, count=settings.examples)

    def fallen(who: Subject) -> Falls:
        return ground.remember(("falls", settings.digest, who.digest), lambda: falls(ground, who, names, judge, settings))

    retrained = mean_fall([fallen(model) for model in held_against(ground, subject)])
    return told(names, fallen(subject), retrained, judge.size, settings.threshold)


def held_against(ground: CommonGround, subject: Subject) -> list[Subject]:
    """Retrained models that a subject is held against: all but itself, or itself where it is the only one."""
    return [model for model in ground.retrained if model.digest != subject.digest] or list(ground.retrained)


def told(names: tuple[str, ...], mine: Falls, retrained: Falls, n: int, threshold: float) -> Finding:
    """The score with what it rests on.

    Args:
        names: Of the stations.
        mine: What patching the subject costs.
        retrained: What patching retrained models costs, in the mean.
        n: Examples of the target.
        threshold: Fall from which on a station encodes the knowledge.
    """
    depth = depth_score(retrained.net, mine.net, threshold)
    gross = depth_score(retrained.target, mine.target, threshold)
    none = "" if depth.score is not None else "no station encodes the target: patching the retrained model costs nothing"
    at = ", ".join(names[place] for place in depth.encoding)
    measurements = (
        share("depth_score", depth.score, n, note=none or f"at {at}"),
        share("depth_score_gross", gross.score, n, note="losses on retained examples not taken off"),
        *(
            Measurement(name=f"depth_fall_{side}", value=max(fall, default=None), unit="nats", n=n, better="near-retrained")
            for side, fall in (("target", mine.target), ("others", mine.others))
        ),
    )
    x = tuple(map(float, range(len(names))))
    curves = tuple(
        AuditCurve(label=label, x=x, y=y, x_label="station", y_label="fall of the log-probability, nats", ticks=names)
        for label, y in (
            ("target", mine.target), ("others", mine.others),
            ("target, retrained models", retrained.target), ("others, retrained models", retrained.others),
        )
    )  # fmt: skip
    return Finding(measurements, curves, n)


def mean_fall(several: list[Falls]) -> Falls:
    """The mean over several models, station by station."""
    sides = (zip(*(getattr(one, side) for one in several), strict=True) for side in Falls._fields)
    return Falls(*(tuple(sum(at) / len(several) for at in side) for side in sides))


def falls(ground: Ground, subject: Subject, names: tuple[str, ...], judge: Judge, settings: DepthSettings) -> Falls:
    """Patch a subject's stitched states into the base, station by station."""
    stitches = _stitches(ground, subject, names, settings)
    target, others = (_side(ground, subject, names, stitches, *side) for side in (judge.target, judge.others))
    return Falls(target, others)


def _stitches(
    ground: Ground, subject: Subject, names: tuple[str, ...], settings: DepthSettings
) -> dict[str, tuple[Tensor, Tensor]]:
    """For each station the affine map of the subject's channels to the base's, fitted on retained training examples."""
    index = ground.drawn(ground.splits.retain, settings.fitted, "stitch")
    pixels = ground.batch("train", index)
    theirs = ground.remember(("stitch states", settings.digest), lambda: _rows(ground, ground.original, names, pixels))
    mine = _rows(ground, subject, names, pixels)
    return {name: affine_map(mine[name], theirs[name]) for name in names}


def _rows(ground: Ground, subject: Subject, names: tuple[str, ...], pixels: Tensor) -> dict[str, Tensor]:
    """Rows of channels at each station; of many places a part, the same ones for every subject."""
    kept = {}
    for name, state in states(subject.network, names, pixels).items():
        rows = channels(state)
        if len(rows) > _ROWS:
            chosen = ground.generator(f"rows {name}").choice(len(rows), _ROWS, replace=False)
            rows = rows[torch.from_numpy(chosen)]
        kept[name] = rows
    return kept


def _side(
    ground: Ground, subject: Subject, names: tuple[str, ...], stitches: dict[str, tuple[Tensor, Tensor]], part: Part, index: Index
) -> tuple[float, ...]:
    pixels, labels = ground.batch(part, index), ground.labels(part, index)
    usual = _log_probability(ground.logits(ground.original, part, index), labels)
    said = states(subject.network, names, pixels)
    fallen = []
    for name in names:
        matrix, offset = stitches[name]
        rows = channels(said[name]).double() @ matrix + offset
        theirs = patched(ground.base.model, name, like(rows.float(), said[name]), pixels)
        fallen.append(usual - _log_probability(theirs, labels))
    return tuple(fallen)


def _log_probability(logits: Tensor, labels: Tensor) -> float:
    return logits.double().log_softmax(-1).gather(1, labels[:, None]).mean().item()
