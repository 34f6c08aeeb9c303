"""Scores of members and others as measurements: area, rates at low false-positive rates with intervals, and the ROC curve.

A rate that the number of others cannot support is refused by name. Both directions are bad: an area below one half, or members
found by their *low* scores, give away what was forgotten as surely.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lorasteer.core.intervals import Rate, auc_interval, clopper_pearson, negatives_needed, roc_points, true_positive_rate
from lorasteer.records import Better, Measurement
from lorasteer.records.audit import AuditCurve

LOW_RATES = (0.01, 0.001)
_PLACES = 48  # points of a ROC curve that a plot needs


class Scores(NamedTuple):
    """What an attack thinks of each example; higher means member.

    Args:
        members: Scores of examples that were to be forgotten.
        others: Scores of examples of the same kind that were never trained on.
    """

    members: Tensor
    others: Tensor

    @property
    def negated(self) -> Scores:
        """The bet on the other side: members are those of low score."""
        return Scores(-self.members, -self.others)

    @property
    def words(self) -> str:
        """How many there are of each."""
        return f"{len(self.members)} forget examples against {len(self.others)} never seen ones of the same classes"


def measured(prefix: str, scores: Scores) -> tuple[Measurement, ...]:
    """Area with its limits, and the rates at 1 % and 0.1 % false positives in both directions.

    Args:
        prefix: Name of the attack with underscores; it begins every measurement's name.
        scores: Of at least two members and two others.
    """
    area, low, high = auc_interval(scores.members, scores.others)
    n = min(len(scores.members), len(scores.others))
    note = f"{scores.words}; 95 % interval {low:.3f} to {high:.3f}"
    areas = [_area(f"{prefix}_auc{name}", value, n, note) for name, value in (("", area), ("_low", low), ("_high", high))]
    rates = [_rate(f"{prefix}_tpr_{_percent(at)}", scores, at) for at in LOW_RATES]
    absent = [_rate(f"{prefix}_absent_tpr_{_percent(at)}", scores.negated, at) for at in LOW_RATES]
    return (*areas, *rates, *absent)


def _area(name: str, value: float | None, n: int, note: str) -> Measurement:
    return Measurement(name=name, value=value, unit="auc", n=n, better="near-ideal", low=0, high=1, ideal=0.5, note=note)


def _percent(rate: float) -> str:
    """A rate as part of a name.

    Example:
        >>> _percent(0.01), _percent(0.001)
        ('1_percent', '0_1_percent')
    """
    return f"{100 * rate:g}_percent".replace(".", "_")


def _rate(name: str, scores: Scores, at: float) -> Measurement:
    """A true-positive rate; to be no more than the false-positive rate it is measured at."""
    needed = negatives_needed(at)
    if len(scores.others) < needed:
        refusal = f"a false-positive rate of {at:.1%} needs {needed} examples never seen, there are {len(scores.others)}"
        return proportion(name, None, len(scores.members), note=refusal)
    found = true_positive_rate(scores.members, scores.others, at)
    return rated(name, found, better="near-ideal", ideal=at, note=f"at {at:.1%} false positives among {len(scores.others)}")


def rated(name: str, rate: Rate, *, better: Better = "near-retrained", ideal: float | None = None, note: str = "") -> Measurement:
    """A share with its exact interval in words."""
    interval = f"{rate.hits} of {rate.n}, 95 % interval {rate.low:.4f} to {rate.high:.4f}"
    return proportion(name, rate.value, rate.n, better=better, ideal=ideal, note="; ".join(filter(None, (note, interval))))


def proportion(
    name: str, value: float | None, n: int, *, better: Better = "near-ideal", ideal: float | None = None, note: str = ""
) -> Measurement:
    """A measurement that is a share, 0 … 1."""
    return Measurement(name=name, value=value, unit="share", n=n, better=better, low=0.0, high=1.0, ideal=ideal, note=note)


def refused(prefix: str, why: str) -> tuple[Measurement, ...]:
    """The measurements of an attack that cannot be taken at all, each with the reason."""
    return (
        _area(f"{prefix}_auc", None, 0, why),
        *(proportion(f"{prefix}_tpr_{_percent(at)}", None, 0, note=why) for at in LOW_RATES),
    )


def curves(label: str, scores: Scores) -> tuple[AuditCurve, ...]:
    """The ROC curve with exact 95 % limits of the rate of members found, at few false-positive rates, closer together near 0."""
    false, true = roc_points(scores.members, scores.others)
    places = _thinned(false)
    rates = [clopper_pearson(round(share * len(scores.members)), len(scores.members)) for share in true[places].tolist()]
    band = tuple(zip(*((rate.low, rate.high) for rate in rates), strict=True))
    return (
        AuditCurve(
            label=label, x=tuple(false[places].tolist()), y=tuple(rate.value for rate in rates), low=band[0], high=band[1],
            x_label="false-positive rate", y_label="share of forget examples found",
        ),
    )  # fmt: skip


def _thinned(false: Tensor) -> Tensor:
    """Indices of points to keep: the last at each of some rates that are evenly spaced by their logarithm, and both ends."""
    smallest = max(1e-4, float(false[false > 0].min()))
    wanted = torch.from_numpy(np.geomspace(smallest, 1, _PLACES - 1))
    last = torch.searchsorted(false.contiguous(), wanted * (1 + 1e-9), right=True) - 1
    return torch.tensor(sorted({0, len(false) - 1, *last.tolist()}))
