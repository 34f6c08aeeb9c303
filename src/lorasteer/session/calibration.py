"""What a person's own runs teach about intensities: points out of iterations, curves through points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from lorasteer.core.statistics import falling
from lorasteer.records import Calibration, CalibrationPoint, Curve, Iteration
from lorasteer.session.history import BASE
from lorasteer.steer.intensity import COLUMNS, promised, reaching
from lorasteer.steer.translate import kind_of
from lorasteer.store import RunStore

if TYPE_CHECKING:
    from lorasteer.session.past import Past


def calibration_of(store: RunStore, base: str) -> Calibration:
    """What the runs in a store say about a base.

    Args:
        store: Where the points are kept.
        base: Digest of the base.
    """
    return Calibration(base=base, curves=curves_through(store.points(base)))


def curves_through(points: Iterable[CalibrationPoint]) -> tuple[Curve, ...]:
    """A falling curve for each kind of target and method, through the mean of what each intensity achieved."""
    ordered = sorted(points, key=lambda point: (point.target, point.method, point.intensity))
    groups = groupby(ordered, key=lambda point: (point.target, point.method))
    return tuple(_curve(list(group)) for _, group in groups)


def _curve(points: Sequence[CalibrationPoint]) -> Curve:
    by_intensity = {at: [p.achieved for p in same] for at, same in groupby(points, key=lambda point: point.intensity)}
    means = torch.tensor([sum(values) / len(values) for values in by_intensity.values()], dtype=torch.float64)
    counts = torch.tensor([float(len(values)) for values in by_intensity.values()], dtype=torch.float64)
    left = [round(value, 6) for value in falling(means, counts).tolist()]
    first = points[0]
    return Curve(target=first.target, method=first.method, knots=tuple(zip(by_intensity, left, strict=True)), points=len(points))


def point_of(past: Past, iteration: Iteration) -> CalibrationPoint | None:
    """What an iteration says about the intensity table; None where it does not carry out a row of it from the base to the end."""
    request, plan = iteration.request, iteration.plan
    stop_at = plan.settings.get("stop_at")
    whole = iteration.parent == BASE and not iteration.interrupted
    by_hand = set(COLUMNS) & set(request.settings)
    if not whole or by_hand or plan.aim != "remove" or request.intensity == 0 or not isinstance(stop_at, float):
        return None
    base, translation = past.bench.base.digest, past.translation(iteration.number)
    known = past.bench.left(past.bench.known(translation)[0])
    if not known:
        return None
    full = past.outputs(iteration.number)
    if iteration.change.strength != 1:
        full = past.bench.outputs(past.change(iteration.number), translation, strength=1.0)
    achieved = past.bench.left(full)
    assert achieved is not None
    level = reaching(stop_at)
    return CalibrationPoint(
        base=base, target=kind_of(request), method=plan.method, intensity=level, promised=promised(level),
        achieved=achieved / known, run=past.run, iteration=iteration.number,
    )  # fmt: skip
