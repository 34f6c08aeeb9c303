"""What there is to see of a session, as plain facts: a table, curves and a tree. Terminals and notebooks draw the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lorasteer.evaluation import Spread
from lorasteer.evaluation.table import MISSING, cell, heading
from lorasteer.records import Evaluation, Iteration, Measurement
from lorasteer.session.feedback import Difference, Feedback, differences_of
from lorasteer.session.history import BASE, History
from lorasteer.session.standing import Standing

METRICS = (
    "forget_accuracy", "forget_test_accuracy", "retain_accuracy", "retain_test_accuracy", "direction_accuracy",
    "target_rest_accuracy", "forget_confidence", "mia_auc", "kl_to_retrained_forget", "gap_to_retrained",
    "forget_probability", "forget_test_probability", "extraction_strength", "truth_ratio_loss", "forget_quality",
    "retain_probability", "retain_test_probability", "direction_probability", "target_rest_probability", "selectivity",
    "forget_rouge", "retain_rouge", "model_utility",
)  # fmt: skip
"""What the table of a session shows, where it is defined."""
CURVES = (
    ("forgotten", ("forget_test_accuracy", "forget_accuracy", "forget_probability")),
    ("retained", ("retain_test_accuracy", "retain_accuracy", "retain_probability")),
)
"""Curves over the iterations, each the first of its metrics that is defined."""
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Line:
    """One metric, from the base to now.

    Args:
        name: Metric with the way that is good.
        base: The base, as text.
        parent: The iteration that the head is compared with; empty where that is the base.
        now: What is in force, or looked at.
        retrained: Mean of the retrained models with their noise floor; empty where there are none.
        arrow: ▲ or ▼ where the change since the parent is more than chance would explain, else empty.
        good: Whether that change is for the better; None where nothing counts or no way is good.
        measured: What `now` says, as a measurement; None where two iterations are compared.
        others: What the retrained models say, where it is defined.
        floor: Largest distance between them; None with fewer than two.
    """

    name: str
    base: str
    parent: str
    now: str
    retrained: str
    arrow: str
    good: bool | None
    measured: Measurement | None = None
    others: tuple[float, ...] = ()
    floor: float | None = None


@dataclass(frozen=True)
class Curve:
    """Accuracy, or of text answer probability, along the way from the base to the head.

    Args:
        name: What is drawn.
        values: A share for each iteration, None where it is not defined.
    """

    name: str
    values: tuple[float | None, ...]

    @property
    def spark(self) -> str:
        """The curve as a line of blocks, the whole height being 100 %.

        Example:
            >>> Curve("forgotten", (1.0, 0.5, None, 0.0)).spark
            '█▅·▁'
        """
        return "".join("·" if value is None else BLOCKS[round(value * (len(BLOCKS) - 1))] for value in self.values)


@dataclass(frozen=True)
class Branch:
    """One line of the tree.

    Args:
        stem: Lines that lead to it.
        number: The iteration; 0 is the base.
        head: Whether it is in force.
        text: What was done, in a few words.
        values: Its accuracies, as text.
    """

    stem: str
    number: int
    head: bool
    text: str
    values: str = ""


def table_of(session: Standing, now: Evaluation | None = None) -> list[Line]:
    """The table of a session: base, parent, now, retrained. Empty before the first iteration.

    Args:
        session: The session.
        now: Something that is looked at in place of the head, such as another strength; the head is then its parent.
    """
    shown = session.current or (session.iterations[-1] if session.iterations else None)
    if shown is None:
        return []
    base, *others = shown.evaluations[:-1]
    held = shown.evaluations[-1] if session.current else base
    parent = held if now else _parent(session, shown) if session.current else None
    floor = {name: Spread(*spread) for name, spread in shown.floor.items()}
    return list(lines(base, parent, now or held, others, floor))


def compared(feedback: Feedback) -> list[Line]:
    """The table of two iterations, the first in place of the parent and the second in place of now."""
    found = []
    for one in feedback.differences:
        if one.name in METRICS and (one.before, one.after) != (None, None):
            name = one.name.replace("_", " ")
            found.append(Line(name, "", cell(one.before, one.unit), cell(one.after, one.unit), "", *_arrow(one, [], None)))
    return found


def _parent(session: Standing, shown: Iteration) -> Evaluation | None:
    """Measurements of the iteration it went on from; None where that is the base, or was asked something else."""
    parent = session.past[shown.parent] if shown.parent != BASE else None
    return parent.evaluations[-1] if parent and parent.splits == shown.splits else None


def lines(
    base: Evaluation, parent: Evaluation | None, now: Evaluation, others: Sequence[Evaluation], floor: Mapping[str, Spread]
) -> Iterator[Line]:
    """The lines of a table.

    Args:
        base: Measurements of the base.
        parent: Of what `now` is compared with; None where that is the base.
        now: Of what is looked at.
        others: Of retrained models.
        floor: Spread between those.
    """
    found = {one.name: one for one in differences_of(parent or base, now, floor)}
    for measured in now.measurements:
        if measured.name not in METRICS or measured.name not in found:
            continue
        texts = [cell(_value(one, measured.name), measured.unit) for one in (base, parent, now) if one]
        if set(texts) == {MISSING}:
            continue
        before = cell(_value(parent, measured.name), measured.unit) if parent else ""
        arrow, good = _arrow(found[measured.name], [_value(one, measured.name) for one in others], measured.ideal)
        retrained = _retrained(others, measured.name, measured.unit, floor.get(measured.name))
        said = tuple(value for one in others if (value := _value(one, measured.name)) is not None)
        spread = floor[measured.name].most if measured.name in floor else None
        yield Line(heading(measured), texts[0], before, texts[-1], retrained, arrow, good, measured, said, spread)


def _value(evaluation: Evaluation | None, name: str) -> float | None:
    values = {one.name: one.value for one in evaluation.measurements} if evaluation else {}
    return values.get(name)


def _retrained(others: Sequence[Evaluation], name: str, unit: str, floor: Spread | None) -> str:
    values = [value for one in others if (value := _value(one, name)) is not None]
    if not values:
        return ""
    mean = cell(sum(values) / len(values), unit)
    return mean if floor is None else f"{mean} ± {cell(floor.most, unit)}"


def _arrow(difference: Difference, retrained: Sequence[float | None], ideal: float | None) -> tuple[str, bool | None]:
    change = difference.change
    if not difference.counts or not change:
        return "", None
    arrow = "▲" if change > 0 else "▼"
    if difference.better in ("higher", "lower"):
        return arrow, (change > 0) == (difference.better == "higher")
    aim = next(iter(retrained), None) if difference.better == "near-retrained" else ideal
    if aim is None or difference.before is None or difference.after is None:
        return arrow, None
    return arrow, abs(difference.after - aim) < abs(difference.before - aim)


def curves_of(session: Standing) -> list[Curve]:
    """Accuracy on what is forgotten and on what is retained, from the base to the head; empty before the first iteration."""
    way = [session.past[number] for number in session.history.path(session.head)[1:]]
    if not way:
        return []
    seen = [way[0].evaluations[0], *(iteration.evaluations[-1] for iteration in way)]
    return [Curve(name, tuple(_first(evaluation, metrics) for evaluation in seen)) for name, metrics in CURVES]


def accuracies_of(evaluation: Evaluation) -> tuple[float | None, float | None]:
    """Accuracy left on what is forgotten, and on what is retained; None where it is not defined."""
    forgotten, retained = (_first(evaluation, metrics) for _, metrics in CURVES)
    return forgotten, retained


def _first(evaluation: Evaluation, metrics: Sequence[str]) -> float | None:
    return next((value for name in metrics if (value := _value(evaluation, name)) is not None), None)


def tree_of(session: Standing) -> list[Branch]:
    """The tree of iterations from the base on; only where it branches does it go to the right."""
    known = {iteration.number: iteration for iteration in session.iterations}
    return [_branch(stem, number, session, known.get(number)) for stem, number in stems(session.history)]


def stems(history: History) -> list[tuple[str, int]]:
    """Every iteration with the lines that lead to it.

    Example:
        >>> tree = History().grown(1, 0).grown(2, 1).moved(1).grown(3, 1).grown(4, 3)
        >>> for stem, number in stems(tree): print(stem + str(number))
        0
        1
        ├ 2
        └ 3
          4
    """
    found: list[tuple[str, int]] = []
    waiting = [("", "", BASE)]  # the lines before it, the bend to it, its number; the last one is next
    while waiting:
        stem, bend, number = waiting.pop()
        found.append((stem + bend, number))
        below = stem + {"├ ": "│ ", "└ ": "  "}.get(bend, "")
        children = history.children(number)
        if len(children) == 1:
            waiting.append((below, "", children[0]))
        else:
            bends = ["├ "] * (len(children) - 1) + ["└ "]
            waiting += [(below, bend, child) for bend, child in reversed(list(zip(bends, children, strict=False)))]
    return found


def _branch(stem: str, number: int, session: Standing, iteration: Iteration | None) -> Branch:
    if iteration is None:
        return Branch(stem, number, session.head == number, "base")
    values = " ".join(f"{name} {_short(_first(iteration.evaluations[-1], metrics))}" for name, metrics in CURVES)
    return Branch(stem, number, session.head == number, words_of(iteration), values)


def _short(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1%}"


def words_of(iteration: Iteration) -> str:
    """What was done, with what tells it from others."""
    request, strength = iteration.request, iteration.change.strength
    joined = f" {iteration.combined[0]} and {iteration.combined[1]}" if iteration.combined else ""
    at = f" × {strength:g}" if strength != 1 else ""
    cut = ", interrupted" if iteration.interrupted else ""
    return f"{iteration.action}{joined} {iteration.plan.method} {request.intensity:g}{at}{cut}"
