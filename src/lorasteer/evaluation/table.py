"""Evaluations as plain rows of text, for the command line, the README and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lorasteer.evaluation.comparison import Spread
from lorasteer.records import Evaluation, Measurement

FLOOR = "noise floor (other seed)"
MISSING = "–"
_FORMATS = {"share": "{:.2%}", "auc": "{:.3f}", "nats": "{:.3g}", "seconds": "{:.3g} s", "parameters": "{:,.0f}"}


def cell(value: float | None, unit: str) -> str:
    """A number in the words of its unit.

    Example:
        >>> cell(0.9712, "share"), cell(None, "share"), cell(12345.0, "parameters")
        ('97.12%', '–', '12,345')
    """
    if value is None:
        return MISSING
    return _FORMATS.get(unit, "{:.4g}").format(value)


def heading(measurement: Measurement) -> str:
    """Name of a column with the way that is good: ↑, ↓, → retrained or → the ideal value.

    Example:
        >>> heading(Measurement(name="mia_auc", value=0.6, unit="auc", n=9, better="near-ideal", ideal=0.5))
        'mia auc → 0.5'
    """
    marks = {
        "higher": " ↑",
        "lower": " ↓",
        "near-retrained": " → retrained",
        "near-ideal": f" → {measurement.ideal:g}" if measurement.ideal is not None else "",
        "none": "",
    }
    return measurement.name.replace("_", " ") + marks[measurement.better]


def rows(
    evaluations: Sequence[Evaluation], columns: Sequence[str] | None = None, *, floor: Mapping[str, Spread] | None = None
) -> list[dict[str, str]]:
    """One row of text per evaluation, with the subject first.

    Args:
        evaluations: Rows in their order.
        columns: Names of measurements; all of them, as they were measured, when left out.
        floor: Spread between retrained models; adds a last row with the largest distance of each metric.

    Returns:
        Rows as dicts from heading to text, every row with the same headings. A value that is missing is written –.
    """
    measured: dict[str, Measurement] = {}
    for evaluation in evaluations:
        for measurement in evaluation.measurements:
            measured.setdefault(measurement.name, measurement)
    shown = [measured[name] for name in (measured if columns is None else columns) if name in measured]
    table = [_row(evaluation, shown) for evaluation in evaluations]
    if floor:
        distances = {heading(m): f"± {cell(floor[m.name].most, m.unit)}" if m.name in floor else MISSING for m in shown}
        table.append({"model": FLOOR, **distances})
    return table


def _row(evaluation: Evaluation, shown: Sequence[Measurement]) -> dict[str, str]:
    values = {m.name: m.value for m in evaluation.measurements}
    return {"model": evaluation.subject, **{heading(m): cell(values.get(m.name), m.unit) for m in shown}}


def markdown_table(
    evaluations: Sequence[Evaluation], names: Sequence[str] | None = None, *, floor: Mapping[str, Spread] | None = None
) -> str:
    """The same rows as a Markdown table, numbers to the right.

    Args:
        evaluations: Rows in their order; without any the text is empty.
        names: Measurements to show.
        floor: Spread between retrained models, as a last row.
    """
    table = rows(evaluations, names, floor=floor)
    if not table:
        return ""
    head = list(table[0])
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *[[row[name] for name in head] for row in table]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
