"""What a round changed, in numbers and in words: since the iteration before it, by class, and for the examples that moved most.

Words are spent on what chance does not explain. Forgetting is judged from both sides: too little is named, and so is too much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field

from lorasteer.evaluation import Outputs, Predictions, Spread
from lorasteer.evaluation.table import cell
from lorasteer.evaluation.verdict import tolerance
from lorasteer.records import Evaluation, Iteration, Measurement, Plan, Record
from lorasteer.records.measurement import Better
from lorasteer.session.answers import retain_sample
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.vision.data import ImageData

SHOWN = 5
"""How many examples of the target, and how many retained ones, are shown."""
SPOKEN_OF = ("forget_accuracy", "forget_test_accuracy", "retain_test_accuracy", "mia_auc")
"""Metrics whose changes are put into words; the others stand in the table."""

Share = Annotated[float, Field(ge=0, le=1)]


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


class ClassAccuracy(Record):
    """Accuracy on the test examples of one class."""

    name: str
    """Name of the class."""
    n: int
    """How many test examples there are of it."""
    target: Share
    """Share of them that meets the target."""
    base: Share
    """Accuracy of the base."""
    before: Share
    """Accuracy before."""
    after: Share
    """Accuracy after."""


class Moved(Record):
    """An example whose answer changed much."""

    id: str
    """Id of the example."""
    part: str
    """`train` or `test`."""
    target: bool
    """Whether it was to be forgotten, or is to be retained."""
    label: str
    """Its true class."""
    before: str
    """What was answered before."""
    after: str
    """What is answered now."""
    sure_before: Share
    """Probability of the answer before."""
    sure_after: Share
    """Probability of the answer now."""


class Feedback(Record):
    """What changed between two iterations."""

    before: int
    """The iteration that is compared with; 0 is the base."""
    after: int
    """The iteration that is spoken of."""
    differences: tuple[Difference, ...]
    """Every metric, in the order of tables."""
    classes: tuple[ClassAccuracy, ...]
    """Every class."""
    examples: tuple[Moved, ...]
    """Those that changed most: of the target first, then retained ones."""
    words: tuple[str, ...]
    """What a person should not miss, one sentence each."""


class Side(NamedTuple):
    """One of the models that are compared.

    Args:
        number: Its iteration; 0 is the base.
        evaluation: Its measurements.
        outputs: What it says.
    """

    number: int
    evaluation: Evaluation
    outputs: Outputs


def feedback_on(base: Side, before: Side, after: Side, iteration: Iteration, data: ImageData, splits: Splits) -> Feedback:
    """Compare two models on the same splits.

    Args:
        base: The untouched base.
        before: The model compared with; may be the base.
        after: The model spoken of.
        iteration: The iteration that model is of: its plan, its remarks, and the floor between retrained models.
        data: For ids and class names.
        splits: Which examples were asked about.
    """
    floor = {name: Spread(*values) for name, values in iteration.floor.items()}
    differences = tuple(differences_of(before.evaluation, after.evaluation, floor))
    classes = tuple(_classes(base.outputs, before.outputs, after.outputs, data.classes))
    judged = (*iteration.remarks, *_aim_missed(after.evaluation, base.evaluation, iteration.plan), *_losers(classes))
    return Feedback(
        before=before.number, after=after.number, differences=differences, classes=classes,
        examples=tuple(_moved(before.outputs, after.outputs, data, splits)), words=(*_since(before.number, differences), *judged),
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
    if was.value is None or now.value is None:
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


def _aim_missed(now: Evaluation, base: Evaluation, plan: Plan) -> Iterator[str]:
    """Whether the plan's own aim is not met, which needs no retrained model to be said."""
    stop_at = plan.settings.get("stop_at") if plan.aim == "remove" else None
    left, had = now["forget_accuracy"], base.value("forget_accuracy")
    if not isinstance(stop_at, (int, float)) or left.value is None or had is None:
        return
    if left.value > stop_at * had + 1 / max(1, left.n):
        words = f"accuracy on the forget set is {left.value:.1%}, the plan asks for {stop_at * had:.1%} or less"
        yield f"under-forgotten: {words}; continue, or adjust."


def _classes(base: Outputs, before: Outputs, after: Outputs, names: Sequence[str]) -> Iterator[ClassAccuracy]:
    labels = base.test.labels
    target = torch.cat([torch.ones(len(base.forget_test)), torch.zeros(len(base.retain_test))])
    for number, name in enumerate(names):
        chosen = labels == number
        if not chosen.any():
            continue
        share = {key: said.test.correct[chosen].double().mean().item() for key, said in _named(base, before, after)}
        yield ClassAccuracy(name=name, n=int(chosen.sum()), target=target[chosen].mean().item(), **share)


def _named(*outputs: Outputs) -> Iterator[tuple[str, Outputs]]:
    yield from zip(("base", "before", "after"), outputs, strict=True)


def _losers(classes: Sequence[ClassAccuracy]) -> Iterator[str]:
    """Retained classes that lost more than chance since the base."""
    kept = [c for c in classes if c.target < 0.5 and c.base - c.after > _chance(c)]
    worst = sorted(kept, key=lambda c: c.after - c.base)[:3]
    if worst:
        yield (
            "retained classes that lost most since the base: "
            + ", ".join(f"{c.name} {c.base:.1%} to {c.after:.1%}" for c in worst)
            + "."
        )


def _chance(accuracy: ClassAccuracy) -> float:
    """Two standard errors of a difference of two accuracies, at least one point."""
    return max(0.01, 2 * math.sqrt(sum(p * (1 - p) for p in (accuracy.base, accuracy.after)) / accuracy.n))


def _moved(before: Outputs, after: Outputs, data: ImageData, splits: Splits) -> Iterator[Moved]:
    """Examples by how much the probability of their true class changed, for the target and for the rest."""
    asked = {
        "forget": ("train", splits.forget), "forget_test": ("test", splits.forget_test),
        "retain": ("train", retain_sample(splits)), "retain_test": ("test", splits.retain_test),
    }  # fmt: skip
    for target, parts in ((True, ("forget", "forget_test")), (False, ("retain", "retain_test"))):
        found = [(shift, name, place) for name in parts for shift, place in _largest(getattr(before, name), getattr(after, name))]
        for _, name, place in sorted(found, key=lambda one: -one[0])[:SHOWN]:
            part, index = asked[name]
            said = [_answer(getattr(outputs, name), place, data.classes) for outputs in (before, after)]
            examples = data.train if part == "train" else data.test
            yield Moved(
                id=str(examples.ids[index[place]]), part=part, target=target, label=data.classes[examples.labels[index[place]]],
                before=said[0][0], after=said[1][0], sure_before=said[0][1], sure_after=said[1][1],
            )  # fmt: skip


def _largest(before: Predictions, after: Predictions) -> list[tuple[float, int]]:
    """The largest shifts of the probability of the true class, with their places."""
    if not len(after) or not before.finite or not after.finite:
        return []
    shifts = (after.of_label - before.of_label).abs()
    most, places = shifts.topk(min(SHOWN, len(shifts)))
    return [(shift, place) for shift, place in zip(most.tolist(), places.tolist(), strict=True) if shift > 0]


def _answer(said: Predictions, place: int, names: Sequence[str]) -> tuple[str, float]:
    """The class an example is given, and how surely."""
    sure, answer = said.probabilities[place].max(0)
    return names[int(answer)], float(np.clip(sure.item(), 0, 1))
