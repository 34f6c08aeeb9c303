"""What is measured of a model in a session, made ready to be shown: an iteration, the base, or the head at another strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lorasteer.errors import SessionError
from lorasteer.evaluation import Outputs, Predictions, Spread
from lorasteer.records import Evaluation, Iteration
from lorasteer.session import Session
from lorasteer.session.feedback import Feedback
from lorasteer.session.history import BASE
from lorasteer.session.shifts import Side
from lorasteer.session.shown import lines
from lorasteer.web import views
from lorasteer.web.engine.bands import row_of

BINS = 20
"""Bins of a histogram of confidence."""


class Looked(NamedTuple):
    """A model that is looked at.

    Args:
        iteration: Says what was asked, and how the base and the retrained models do.
        number: What to call it.
        strength: Strength of its change.
        evaluation: Its measurements.
        outputs: What it says.
        parent: Measurements of what it is compared with; None where that is the base.
        feedback: How it differs from that.
    """

    iteration: Iteration
    number: int
    strength: float
    evaluation: Evaluation
    outputs: Outputs
    parent: Evaluation | None
    feedback: Feedback


def findings_of(session: Session, number: int, before: int | None = None) -> views.Findings:
    """What is measured of an iteration.

    Args:
        session: The session.
        number: The iteration; 0 is the base, measured by what was asked last.
        before: What it is compared with; its parent when left out.

    Raises:
        SessionError: There is no such iteration, or nothing was measured yet.
    """
    if number == BASE:
        return _shown(session, _base(session))
    iteration = session.past[number]
    feedback = session.report(number) if before is None else session.compare(before, number)
    parent = None if feedback.before == BASE else session.side(feedback.before, iteration).evaluation
    now, outputs = iteration.evaluations[-1], session.past.outputs(number)
    return _shown(session, Looked(iteration, number, iteration.change.strength, now, outputs, parent, feedback))


def dialled(session: Session, strength: float) -> views.Findings:
    """The head at another strength, compared with the head as it is kept.

    Raises:
        SessionError: It is not the time for it.
        WeightsError: The strength is out of range.
    """
    session.check("dial")
    head, past = session.head, session.past
    iteration, translation = past[head], past.translation(head)
    outputs = session.bench.outputs(past.change(head), translation, strength=strength)
    evaluation = session.measured(outputs, head)
    kept = session.side(head, iteration)
    now = Side(head, evaluation, outputs, past.change(head).at(strength))
    feedback = session.told(session.base_side(iteration), kept, now, iteration)
    return _shown(session, Looked(iteration, head, strength, evaluation, outputs, kept.evaluation, feedback))


def _base(session: Session) -> Looked:
    """The base, asked what the last iteration was asked."""
    if not session.iterations:
        raise SessionError("nothing is measured before the first iteration; start one.")
    iteration = session.iterations[-1]
    base = session.base_side(iteration)
    feedback = session.told(base, base, base, iteration)
    return Looked(iteration, BASE, 0.0, base.evaluation, base.outputs, None, feedback.model_copy(update={"words": ()}))


def _shown(session: Session, looked: Looked) -> views.Findings:
    iteration, feedback = looked.iteration, looked.feedback
    base, *others = iteration.evaluations[:-1]
    floor = {name: Spread(*spread) for name, spread in iteration.floor.items()}
    table = lines(base, looked.parent, looked.evaluation, others, floor)
    known = session.base_side(iteration).outputs
    return views.Findings(
        number=looked.number, strength=looked.strength, compared=feedback.before,
        rows=tuple(row_of(line, iteration.plan, base) for line in table),
        classes=feedback.classes, examples=feedback.examples, words=feedback.words,
        histogram=histogram(looked.outputs),
        confusion=None if looked.number == BASE else confusion(known, looked.outputs, session.bench.data.classes),
    )  # fmt: skip


def histogram(outputs: Outputs) -> views.Histogram | None:
    """Confidence in the true class of what is forgotten, beside unseen examples; None where either is missing or not finite."""
    unseen, words = _unseen(outputs)
    if not len(outputs.forget) or not len(unseen) or not outputs.finite:
        return None
    return views.Histogram(
        edges=tuple(edge / BINS for edge in range(BINS + 1)),
        forget=_bins(outputs.forget.of_label), unseen=_bins(unseen.of_label), unseen_are=words,
    )  # fmt: skip


def _unseen(outputs: Outputs) -> tuple[Predictions, str]:
    """Test examples like the forget set: those that meet the target, else those of the same classes."""
    if len(outputs.forget_test):
        return outputs.forget_test, "test examples that meet the target"
    alike = torch.isin(outputs.test.labels, outputs.forget.labels)
    return outputs.test.taken(alike), "test examples of the same classes"


def _bins(confidence: Tensor) -> tuple[float, ...]:
    """Share of the examples in each bin; the last one holds 1 as well."""
    places = (confidence * BINS).long().clamp(0, BINS - 1)
    return tuple((torch.bincount(places, minlength=BINS).double() / len(confidence)).tolist())


def confusion(base: Outputs, now: Outputs, classes: Sequence[str]) -> views.Confusion | None:
    """What the target's examples are taken for, before and now; None where there are none, or an answer is not finite."""
    before, after = (said.forget_test if len(said.forget_test) else said.forget for said in (base, now))
    if not len(after) or not before.finite or not after.finite:
        return None
    return views.Confusion(classes=tuple(classes), base=_answers(before), now=_answers(after))


def _answers(said: Predictions) -> tuple[float, ...]:
    counts = torch.bincount(said.logits.argmax(-1), minlength=said.classes).double()
    return tuple((counts / len(said)).tolist())
