"""How far an evaluation lies from the retrained model's, and how far retrained models lie from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lorasteer.errors import DataError
from lorasteer.records import Evaluation, Measurement

COST_UNITS = frozenset({"seconds", "parameters"})


class Spread(NamedTuple):
    """Distances of further retrained models from the first.

    Args:
        mean: Mean distance.
        most: Largest distance.
        n: How many further models.
    """

    mean: float
    most: float
    n: int


def gaps(evaluation: Evaluation, retrained: Evaluation) -> dict[str, float | None]:
    """Absolute difference of every measurement from the retrained model's.

    Costs are left out. For a divergence from the retrained model the difference is the divergence itself, when `retrained`
    was measured beside itself.

    Args:
        evaluation: Measurements of one model.
        retrained: Those of the reference, on the same splits.

    Returns:
        Differences by metric, in the metric's unit; None where either value is missing.

    Raises:
        DataError: The two were measured on different splits.
    """
    if evaluation.splits != retrained.splits:
        raise DataError(
            f"{evaluation.subject!r} was measured on splits {evaluation.splits[:12]}, {retrained.subject!r} on "
            f"{retrained.splits[:12]}; only the same splits compare. Evaluate both on one of them."
        )
    theirs = {m.name: m for m in retrained.measurements}
    return {m.name: _gap(m, theirs[m.name]) for m in evaluation.measurements if m.name in theirs and m.unit not in COST_UNITS}


def _gap(mine: Measurement, theirs: Measurement) -> float | None:
    return None if mine.value is None or theirs.value is None else abs(mine.value - theirs.value)


def noise_floor(retrained: Sequence[Evaluation]) -> Mapping[str, Spread]:
    """How far models trained without the forget set differ through their seeds alone: a smaller gap means nothing.

    Args:
        retrained: Evaluations of retrained models, all measured beside the first one as reference, and the first beside itself.

    Returns:
        Spread by metric; empty where fewer than two models were given, and without metrics that some of them lack.

    Raises:
        DataError: They were measured on different splits.
    """
    found: dict[str, list[float]] = {}
    for other in retrained[1:]:
        for name, gap in gaps(other, retrained[0]).items():
            found.setdefault(name, []).extend([] if gap is None else [gap])
    further = len(retrained) - 1
    return {name: Spread(sum(d) / further, max(d), further) for name, d in found.items() if d and len(d) == further}
