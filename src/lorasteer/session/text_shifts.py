"""What a language model's change did: the answers that moved most, as the models write them, and what the plan missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lorasteer.changes import Change
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Questionnaire, Sheet, sheet_of
from lorasteer.evaluation.language.outputs import TextOutputs
from lorasteer.records import Evaluation, Measurement, Plan
from lorasteer.session.shifts import SHOWN, Moved, Shifts, Side, largest_moves

HAIR = 0.01
"""Probability that a band's end may be missed by without a word."""

Writer = Callable[[Change | None, Mapping[str, Sheet]], Mapping[str, Answers]]
"""Lets a change, or the base, answer some sheets in its own words."""

_PARTS = {"forget": ("train", True), "forget_test": ("test", True), "retain": ("train", False), "retain_test": ("test", False)}
"""Where the examples of a part of the splits lie, and whether they are to be forgotten."""


class _Shift(NamedTuple):
    """One example that moved: how far, in which part of the splits, and its place there."""

    size: float
    part: str
    place: int


def text_shifts(base: Side, before: Side, after: Side, plan: Plan, asked: Questionnaire, write: Writer) -> Shifts:
    """Compare what two language models answer to the same questions.

    Args:
        base: The untouched base.
        before: The model compared with; may be the base.
        after: The model spoken of.
        plan: The plan of the model spoken of.
        asked: The questions.
        write: Lets a model write; it is asked for the examples that are shown only.
    """
    examples = _moved(before, after, asked, write)
    return Shifts((), tuple(examples), tuple(_aim_missed(after.evaluation, base.evaluation, plan)))


def _moved(before: Side, after: Side, asked: Questionnaire, write: Writer) -> Iterator[Moved]:
    """Examples by how much the probability of their right answer changed, for the target and for the rest."""
    chosen = [*_largest(before.outputs, after.outputs, target=True), *_largest(before.outputs, after.outputs, target=False)]
    if not chosen:
        return
    sheets = {name: _sheet(asked, name, [one.place for one in chosen if one.part == name]) for name in _PARTS}
    sheets = {name: sheet for name, sheet in sheets.items() if len(sheet)}
    said = [write(side.change, sheets) for side in (before, after)]
    places = dict.fromkeys(_PARTS, 0)  # examples of a part stand in its sheet in the order in which they were chosen
    for one in chosen:
        at = places[one.part]
        places[one.part] += 1
        examples, texts = sheets[one.part].examples, [(answers[one.part].written or ())[at] for answers in said]
        sure = [float(answers[one.part].probability[at].clamp(0, 1)) for answers in said]
        part, target = _PARTS[one.part]
        yield Moved(
            id=str(examples.ids[at]), part=part, target=target, label=examples.answers[at], before=texts[0], after=texts[1],
            sure_before=sure[0], sure_after=sure[1], prompt=examples.prompts[at],
        )  # fmt: skip


def _largest(before: TextOutputs, after: TextOutputs, *, target: bool) -> list[_Shift]:
    """The largest shifts of the right answer's probability, of the target or of the rest."""
    found = []
    for name, (_, belongs) in _PARTS.items():
        was, now = before.parts()[name], after.parts()[name]
        if belongs is not target or not len(now) or not was.finite or not now.finite:
            continue
        found += [_Shift(size, name, place) for size, place in largest_moves(was.probability, now.probability)]
    return sorted(found, key=lambda shift: -shift.size)[:SHOWN]


def _sheet(asked: Questionnaire, name: str, places: Sequence[int]) -> Sheet:
    examples = asked.parts[name].examples.taken(np.asarray(places, np.int64))
    return sheet_of(asked.inputs, examples, candidates=False, write=True)


def _aim_missed(now: Evaluation, base: Evaluation, plan: Plan) -> Iterator[str]:
    """What of the plan's own aim is not met, which needs no retrained model to be said: too little, too much, too dear."""
    if plan.aim != "remove" or not plan.strength:
        return
    settings = plan.settings
    left, had = now["forget_probability"], base.value("forget_probability")
    share, most = _number(settings.get("stop_at")), _number(settings.get("forget_probability"))
    ends = [end for end in (None if share is None or had is None else share * had, most) if end is not None]
    if left.value is None or not ends:
        return
    low = min(_number(settings.get("least_probability")) or 0.0, *ends)
    if left.value > min(ends) + HAIR:
        words = f"answer probability on the forget set is {left.value:.1%}, the plan asks for {min(ends):.1%} or less"
        yield f"under-forgotten: {words}; continue, or adjust."
    elif left.value < low - HAIR:
        words = f"answer probability on the forget set is {left.value:.1%}, the plan's band ends at {low:.1%}"
        yield f"over-forgotten: {words}; turn the strength down, or ask for less."
    yield from _truth_missed(now, settings)
    yield from _lost(now["retain_probability"], base.value("retain_probability"), _number(settings.get("retain_within")))


def _truth_missed(now: Evaluation, settings: Mapping[str, Any]) -> Iterator[str]:
    most, ratio = _number(settings.get("most_truth_ratio")), now.value("truth_ratio_loss")
    if most is None or ratio is None:
        return
    least = min(most, _number(settings.get("least_truth_ratio")) or 0.0)
    if not least - HAIR <= ratio <= most + HAIR:
        yield f"truth ratio {ratio:.2f} lies outside the plan's band from {least:.2f} to {most:.2f}."


def _lost(now: Measurement, had: float | None, budget: float | None) -> Iterator[str]:
    if now.value is None or had is None or budget is None or now.value >= (1 - budget) * had - HAIR:
        return
    words = f"retained answers went from {had:.1%} to {now.value:.1%}, the plan allows {(1 - budget) * had:.1%}"
    yield f"dearer than planned: {words}."


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
