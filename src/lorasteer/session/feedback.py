"""What a round changed, in numbers and in words: since the iteration before it, by class, and for the examples that moved most.

Words are spent on what chance does not explain. Forgetting is judged from both sides: too little is named, and so is too much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from lorasteer.evaluation import Spread
from lorasteer.evaluation.table import cell
from lorasteer.evaluation.verdict import tolerance
from lorasteer.records import Evaluation, Iteration, Measurement, Record
from lorasteer.records.measurement import Better
from lorasteer.session.shifts import SHOWN as SHOWN
from lorasteer.session.shifts import ClassAccuracy as ClassAccuracy
from lorasteer.session.shifts import Moved as Moved
from lorasteer.session.shifts import Shifts, Side

SPOKEN_OF = (
    "forget_accuracy", "forget_test_accuracy", "retain_test_accuracy", "mia_auc",
    "forget_probability", "forget_test_probability", "retain_probability", "retain_test_probability",
)  # fmt: skip
"""Metrics whose changes are put into words, where they are measured; the others stand in the table."""


class Difference(Record):
    """One metric at two iterations."""

    name: str
    """Metric."""
    unit: str
    """Its unit."""
    better: Better
    """Which way is good."""
    before: float | None
    """Value before; None where it is not defined."""
    after: float | None
    """Value after."""
    floor: float | None = None
    """Largest distance between retrained models, which differ by their seeds alone; None with fewer than two."""
    counts: bool = False
    """Whether the difference is more than chance, and more than the floor, would explain."""

    @property
    def change(self) -> float | None:
        """After less before; None where either is missing."""
        return None if self.before is None or self.after is None else self.after - self.before


class Feedback(Record):
    """What changed between two iterations."""

    before: int
    """The iteration that is compared with; 0 is the base."""
    after: int
    """The iteration that is spoken of."""
    differences: tuple[Difference, ...]
    """Every metric, in the order of tables."""
    classes: tuple[ClassAccuracy, ...]
    """Every class; none of text."""
    examples: tuple[Moved, ...]
    """Those that changed most: of the target first, then retained ones."""
    words: tuple[str, ...]
    """What a person should not miss, one sentence each."""

    @property
    def story(self) -> tuple[str, ...]:
        """The words; of text, then what became of the answers that moved most."""
        return (*self.words, *(one.words for one in self.examples if one.prompt))


def feedback_on(before: Side, after: Side, iteration: Iteration, shifts: Shifts) -> Feedback:
    """Compare two models on the same splits.

    Args:
        before: The model compared with; may be the base.
        after: The model spoken of.
        iteration: The iteration that model is of: its remarks, and the floor between retrained models.
        shifts: What the bench tells of the two, from `Bench.shifts`.
    """
    floor = {name: Spread(*values) for name, values in iteration.floor.items()}
    differences = tuple(differences_of(before.evaluation, after.evaluation, floor))
    return Feedback(
        before=before.number, after=after.number, differences=differences, classes=shifts.classes, examples=shifts.examples,
        words=(*_since(before.number, differences), *iteration.remarks, *shifts.words),
    )  # fmt: skip


def differences_of(before: Evaluation, after: Evaluation, floor: Mapping[str, Spread]) -> Iterator[Difference]:
    """Every metric that both have, costs left out."""
    earlier = {measured.name: measured for measured in before.measurements}
    for now in after.measurements:
        was = earlier.get(now.name)
        if was is None or now.unit in ("seconds", "parameters"):
            continue
        spread = floor[now.name].most if now.name in floor else None
        yield Difference(
            name=now.name, unit=now.unit, better=now.better, before=was.value, after=now.value, floor=spread,
            counts=_counts(was, now, spread),
        )  # fmt: skip


def _counts(was: Measurement, now: Measurement, floor: float | None) -> bool:
    if was.value is None or now.value is None or now.unit == "p-value":  # which is a statement about chance itself
        return False
    chance = tolerance(was, now) if now.unit == "share" else 0.0
    if now.unit == "auc":
        chance = 2 / math.sqrt(6 * max(1, now.n))  # two standard errors at most, as in `verdict`
    return abs(now.value - was.value) > max(chance, floor or 0.0)


def _since(number: int, differences: Sequence[Difference]) -> Iterator[str]:
    """The changes since an earlier iteration that count."""
    told = [d for d in differences if d.counts and d.name in SPOKEN_OF]
    where = f"since iteration {number}" if number else "since the base"
    if not told:
        yield f"nothing {where} is more than chance would explain."
    for d in told:
        values = f"from {cell(d.before, d.unit)} to {cell(d.after, d.unit)}"
        band = "" if d.floor is None else f"; retrained models differ by up to {cell(d.floor, d.unit)}"
        yield f"{where}: {d.name.replace('_', ' ')} {'rose' if (d.change or 0) > 0 else 'fell'} {values}{band}."
