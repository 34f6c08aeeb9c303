"""What the screen shows of a session, gathered once after each action by the thread that works; drawing asks nothing of it."""

from __future__ import annotations

from dataclasses import dataclass

from lorasteer.session.feedback import Feedback
from lorasteer.session.session import Session
from lorasteer.session.shown import Branch, Curve, Line, compared, curves_of, table_of, tree_of


@dataclass(frozen=True)
class View:
    """A session as it stood when this was made.

    Args:
        run: Id of the run.
        base: Base and data, in words.
        target: What is forgotten, in words.
        lines: The table.
        titles: Headings of what is compared, and of what is in force.
        curves: Accuracy over the iterations.
        branches: The tree.
        words: What a person should not miss.
        strength: Strength of the change in force, or the one that is looked at; None on the base.
        dialled: Whether that is only looked at.
        iterations: Whether there is any.
    """

    run: str
    base: str
    target: str
    lines: tuple[Line, ...]
    titles: tuple[str, str]
    curves: tuple[Curve, ...]
    branches: tuple[Branch, ...]
    words: tuple[str, ...]
    strength: float | None
    dialled: bool
    iterations: bool


def view_of(session: Session, *, strength: float | None = None, feedback: Feedback | None = None) -> View:
    """Gather what the screen shows.

    Args:
        session: The session, in nobody else's hands meanwhile.
        strength: A strength to look at in place of the head's own.
        feedback: Two iterations to show in place of the head.
    """
    current, record = session.current, session.bench.base.record
    looked = session.dial(strength) if strength is not None and current else None
    lines, titles, words = table_of(session, looked), ("parent", "now"), _words(session)
    if looked:
        titles, words = (f"iteration {session.head}", f"× {strength:g}"), ("Not kept; m commits it.",)
    if feedback:
        titles = (f"iteration {feedback.before}" if feedback.before else "base", f"iteration {feedback.after}")
        lines, words = compared(feedback), feedback.story
    return View(
        run=session.id, base=f"{record.model} on {session.bench.data.name}", target=current.wording if current else "nothing yet",
        lines=tuple(lines), titles=titles, curves=tuple(curves_of(session)), branches=tuple(tree_of(session)), words=tuple(words),
        strength=strength if looked else current.change.strength if current else None, dialled=looked is not None,
        iterations=bool(session.iterations),
    )  # fmt: skip


def _words(session: Session) -> tuple[str, ...]:
    """What the last action changed, and why it was done so."""
    if session.current is None:
        return ("The base is in force, untouched.",)
    return (*session.report().story, *session.current.plan.because[-1:])
