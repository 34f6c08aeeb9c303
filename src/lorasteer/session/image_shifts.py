"""What an image classifier's change did: accuracy of every class, the answers that moved most, and what the plan missed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from lorasteer.evaluation import Outputs, Predictions
from lorasteer.records import Evaluation, Plan
from lorasteer.session.answers import retain_sample
from lorasteer.session.shifts import SHOWN, ClassAccuracy, Moved, Shifts, Side, largest_moves
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.vision.data import ImageData


def image_shifts(base: Side, before: Side, after: Side, plan: Plan, data: ImageData, splits: Splits) -> Shifts:
    """Compare what two classifiers say to the same examples.

    Args:
        base: The untouched base.
        before: The model compared with; may be the base.
        after: The model spoken of.
        plan: The plan of the model spoken of.
        data: For ids and class names.
        splits: Which examples were asked about.
    """
    classes = tuple(_classes(base.outputs, before.outputs, after.outputs, data.classes))
    words = (*_aim_missed(after.evaluation, base.evaluation, plan), *_losers(classes))
    return Shifts(classes, tuple(_moved(before.outputs, after.outputs, data, splits)), words)


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
    return largest_moves(before.of_label, after.of_label)


def _answer(said: Predictions, place: int, names: Sequence[str]) -> tuple[str, float]:
    """The class an example is given, and how surely."""
    sure, answer = said.probabilities[place].max(0)
    return names[int(answer)], float(np.clip(sure.item(), 0, 1))
