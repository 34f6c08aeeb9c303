"""Sessions on the digits whose rounds take a moment: few epochs, few retained examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorasteer.records import Event, Iteration, Request, Target
from lorasteer.session import Session
from lorasteer.store import RunStore
from lorasteer.tasks.tensors import digest_of
from tests.support.digits import bench, request

QUICK = {"epochs": 1, "retain": 50, "learning_rate": 1e-3}
THREE = Target(classes=("3",))


def quick(**values: Any) -> Request:
    """A request to forget the sevens, or `target`, in one short epoch that meets no aim."""
    settings = {**QUICK, **values.pop("settings", {})}
    return request(**{"intensity": 0.5, **values, "settings": settings})


def begin(root: Path, **facts: Any) -> Session:
    """A session in a store of its own."""
    return Session.begin(bench(), RunStore(root / "store"), **facts)


def again(session: Session) -> Session:
    """The same session, opened as another process would."""
    session.close()
    return Session.open(bench(), RunStore(session.store.root), session.id)


def bits(session: Session) -> tuple[str, str]:
    """Digests of the numbers in force and of the state of their training; of nothing for the base."""
    if not session.head:
        return bench().base.digest, ""
    return session.past.change(session.head).record.tensors, digest_of(session.past.resume(session.head) or {})


def actions(session: Session) -> list[str]:
    """What the log says was done."""
    return [event.action for event in events(session)]


def events(session: Session) -> tuple[Event, ...]:
    """The log."""
    return session.store.events(session.id)


def forgotten(iteration: Iteration) -> float:
    """Accuracy on the forget set."""
    value = iteration.evaluations[-1].value("forget_accuracy")
    assert value is not None
    return value
