"""A line of the table with the band to aim at."""

from __future__ import annotations

from lorasteer.evaluation import METRICS
from lorasteer.records import Evaluation, Measurement, Plan
from lorasteer.session.shown import Line
from lorasteer.web import views

FORGOTTEN = ("forget_accuracy", "forget_test_accuracy")
"""Metrics that a plan's own aim speaks about."""


def row_of(line: Line, plan: Plan, base: Evaluation) -> views.TableRow:
    """A line as a record.

    Args:
        line: One metric.
        plan: Its aim is the band where there is no retrained model.
        base: Measurements of the base.
    """
    assert line.measured is not None
    measured = line.measured
    low, high = band_of(line, measured, plan, base) or (None, None)
    return views.TableRow(
        metric=measured.name.replace("_", " "), name=line.name, unit=measured.unit, better=measured.better, base=line.base,
        parent=line.parent, now=line.now, retrained=line.retrained, arrow=line.arrow, good=line.good, value=measured.value,
        low=low, high=high, n=measured.n, help=help_of(measured.name),
    )  # fmt: skip


def band_of(line: Line, measured: Measurement, plan: Plan, base: Evaluation) -> tuple[float, float] | None:
    """Where a value should lie: around the retrained models, else by the plan's aim, else at the ideal; None where nothing says.

    Args:
        line: With what the retrained models say.
        measured: Its measurement.
        plan: The plan.
        base: Measurements of the base.
    """
    if line.others:
        mean, floor = sum(line.others) / len(line.others), line.floor or 0.0
        return _within(mean - floor, measured), _within(mean + floor, measured)
    stop_at = plan.settings.get("stop_at") if plan.aim == "remove" else None
    had = base.value(measured.name) if measured.name in FORGOTTEN else None
    if isinstance(stop_at, (int, float)) and had is not None:
        return 0.0, stop_at * had
    if measured.better == "near-ideal" and measured.ideal is not None:
        return measured.ideal, measured.ideal
    return None


def _within(value: float, measured: Measurement) -> float:
    """A value no further than the metric goes."""
    value = value if measured.low is None else max(value, measured.low)
    return value if measured.high is None else min(value, measured.high)


def help_of(name: str) -> str:
    """What a metric means, in a sentence; empty for one that is not registered."""
    key = name.replace("_", "-")
    return METRICS[key].summary if key in METRICS else ""
