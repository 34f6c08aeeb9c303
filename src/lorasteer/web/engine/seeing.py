"""A session as the world outside its process sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from lorasteer.records import Event, Iteration, Plan
from lorasteer.session import Session
from lorasteer.session.feedback import Feedback
from lorasteer.session.history import BASE
from lorasteer.session.shown import accuracies_of, words_of
from lorasteer.tasks.vision.data import ImageData
from lorasteer.web import views

VALUES = 100
"""Most values of an attribute that are listed."""


def session_view(
    session: Session, *, name: str, base: views.BaseView, data: views.DataView, last: Event,
    findings: views.Findings | None, error: str = "", found: tuple[str, ...] = (),
) -> views.SessionView:  # fmt: skip
    """Where a session stands.

    Args:
        session: The session.
        name: What a person calls it.
        base: Its base.
        data: Its data.
        last: The last line of its log.
        findings: Measurements of the head.
        error: Why the last work broke off.
        found: What the last search came to.
    """
    current = session.current
    return views.SessionView(
        id=session.id, name=name, version=last.seq, state=session.state, allowed=session.allowed, head=session.head,
        base=base, data=data, target=current.wording if current else "", forget=current.sizes["forget"] if current else 0,
        nodes=tuple(nodes_of(session.iterations, session.reports)), findings=findings, last=deed_of(last), error=error,
        found=found,
    )  # fmt: skip


def deed_of(event: Event) -> views.Deed:
    """Who did what, when."""
    return views.Deed(actor=event.actor, action=event.action, time=event.time, why=event.why)


def nodes_of(iterations: Iterable[Iteration], reports: Mapping[int, Feedback]) -> Iterable[views.Node]:
    """The tree, the base first.

    Args:
        iterations: In order of time.
        reports: What each changed, where that was asked for.
    """
    made = list(iterations)
    forgotten, retained = accuracies_of(made[0].evaluations[0]) if made else (None, None)
    yield views.Node(
        number=BASE, parent=None, action="base", text="base", strength=0.0, forgotten=forgotten, retained=retained
    )  # fmt: skip
    for iteration in made:
        report = reports.get(iteration.number)
        forgotten, retained = accuracies_of(iteration.evaluations[-1])
        yield views.Node(
            number=iteration.number, parent=iteration.parent, action=iteration.action, text=words_of(iteration),
            strength=iteration.change.strength, forgotten=forgotten, retained=retained, created=iteration.created,
            note=iteration.note, words=report.words if report else (), request=iteration.request, plan=_light(iteration.plan),
        )  # fmt: skip


def _light(plan: Plan) -> Plan:
    """A plan without the weight of each example: a tree of plans would be mostly those."""
    return plan.model_copy(update={"weights": None})


def data_view(data: ImageData) -> views.DataView:
    """A data set, counted."""
    counts = np.bincount(data.train.labels, minlength=len(data.classes))
    return views.DataView(
        name=data.name, digest=data.digest, classes=data.classes, counts=tuple(counts.tolist()), train=len(data.train),
        test=len(data.test), shape=data.shape,
        attributes=tuple(_attribute(name, column) for name, column in data.train.attributes.items()),
    )  # fmt: skip


def _attribute(name: str, column: NDArray[np.generic]) -> views.AttributeView:
    if column.dtype.kind != "U":
        numbers = column.astype(np.float64)
        known = numbers[np.isfinite(numbers)]
        bounds = (float(known.min()), float(known.max())) if len(known) else (None, None)
        return views.AttributeView(name=name, low=bounds[0], high=bounds[1])
    values, counts = np.unique(column, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:VALUES]
    return views.AttributeView(name=name, values=tuple(values[order].tolist()), counts=tuple(counts[order].tolist()))
