"""Scores as measurements: intervals, refusals, both directions, and the curve."""

from __future__ import annotations

import pytest
import torch

from lorasteer.core.statistics import rank_auc
from lorasteer.evaluation.audit.intervals import Scores, curves, measured

OTHERS = torch.arange(1000.0)


def test_rates_in_both_directions_worked_by_hand() -> None:
    """Of 1000 others 0 … 999 one may be passed at 0.1 %, ten at 1 %: beyond 998 and 989 from above, 1 and 10 from below."""
    found = {m.name: m for m in measured("x", Scores(torch.tensor([998.5, 995.0, 500.0, -1.0]), OTHERS))}
    rates = {name: found[f"x_{name}_percent"].value for name in ("tpr_1", "tpr_0_1", "absent_tpr_1", "absent_tpr_0_1")}
    assert rates == {"tpr_1": 0.5, "tpr_0_1": 0.25, "absent_tpr_1": 0.25, "absent_tpr_0_1": 0.25}
    assert found["x_tpr_1_percent"].note == "at 1.0% false positives among 1000; 2 of 4, 95 % interval 0.0676 to 0.9324"
    assert found["x_tpr_1_percent"].ideal == 0.01


@pytest.mark.parametrize(("others", "names"), [(1000, []), (999, ["0_1"]), (100, ["0_1"]), (99, ["1", "0_1"])])
def test_a_rate_below_one_false_alarm_is_refused(others: int, names: list[str]) -> None:
    found = measured("x", Scores(torch.arange(5.0), OTHERS[:others]))
    refused = [f"x_{side}tpr_{name}_percent" for side in ("", "absent_") for name in names]
    assert [measurement.name for measurement in found if measurement.value is None] == refused


def test_the_curve_is_thinned_and_keeps_its_ends_and_its_low_rates() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = Scores(torch.randn(800, generator=generator) + 1, torch.randn(2000, generator=generator))
    (curve,) = curves("found", scores)
    assert len(curve.x) <= 50
    assert ((curve.x[0], curve.y[0]), (curve.x[-1], curve.y[-1])) == ((0, 0), (1, 1))
    assert sum(0 < x <= 0.01 for x in curve.x) >= 10
    assert all(low <= y <= high for low, y, high in zip(curve.low, curve.y, curve.high, strict=True))
    area = float(torch.trapezoid(torch.tensor(curve.y), torch.tensor(curve.x)))
    assert area == pytest.approx(rank_auc(scores.members, scores.others), abs=0.02)
