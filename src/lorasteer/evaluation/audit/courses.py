"""How a relearning went: what the model knew on the way, and the numbers that are read from that, for images and for text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from lorasteer.evaluation.audit.recovery import Judging, Known, share
from lorasteer.evaluation.audit.registry import Finding
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AuditCurve

K = TypeVar("K", bound=Known)
S = TypeVar("S", bound=str)


def touching(settings: Settings) -> bool:
    """That relearning always looks at the modules which the audited change alters."""
    return True


class Course(NamedTuple, Generic[K]):
    """How a relearning went.

    Args:
        at: Steps after which the model was judged, from 0 on.
        scores: What it knew then.
    """

    at: tuple[int, ...]
    scores: tuple[K, ...]

    def steps_to(self, wanted: float) -> int | None:
        """The first step judged at which a share of the base's knowledge is back; None where it never is.

        Example:
            >>> from lorasteer.evaluation.audit.recovery import Score
            >>> Course((0, 1, 5), (Score(0, 1, 0, 0.5), Score(0.4, 1, 0.4, 0.8), Score(0.9, 1, 0.9, 0.9))).steps_to(0.5)
            5
        """
        return next((step for step, score in zip(self.at, self.scores, strict=True) if score.recovered >= wanted), None)

    @property
    def area(self) -> float:
        """Area under the recovery curve over the steps, as a share of full recovery from the first step on; 0 … 1.

        Example:
            >>> from lorasteer.evaluation.audit.recovery import Score
            >>> nothing, everything = Score(0, 1, 0, 0.5), Score(1, 1, 1, 1)
            >>> Course((0, 2, 4), (nothing, everything, everything)).area  # a slope over half of the steps, then full
            0.75
        """
        heights = [score.recovered for score in self.scores]
        return float(np.trapezoid(heights, self.at)) / (self.at[-1] - self.at[0])

    @property
    def best(self) -> K:
        """What the model knew where most was recovered."""
        return max(self.scores, key=lambda score: score.standing)


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps to judge at: few, closer together at the start.

    Example:
        >>> checkpoints(20)
        (0, 1, 2, 5, 10, 20)
    """
    usual = [place * power for power in (1, 10, 100, 1000) for place in (1, 2, 5)]
    return (0, *(step for step in usual if step < steps), steps)


def followed(steps: int, judged: Callable[[], K], step_once: Callable[[], object]) -> Course[K]:
    """Take steps and judge on the way.

    Args:
        steps: How many.
        judged: Says what is known now.
        step_once: Takes one step.
    """
    at, scores = checkpoints(steps), []
    for step in range(steps + 1):
        if step in at:
            scores.append(judged())
        if step < steps:
            step_once()
    return Course(at, tuple(scores))


def measured(course: Course[K], scope: str, judge: Judging, wanted: float) -> tuple[Measurement, ...]:
    """The best of a course, its area and its speed.

    Args:
        course: How it went.
        scope: What learned.
        judge: What it was judged by.
        wanted: Share of the base's knowledge of the target that counts as relearned.
    """
    steps, best = course.steps_to(wanted), course.best
    never = "" if steps is not None else f"less than {wanted:.0%} recovered within {course.at[-1]} steps"
    return (
        share(f"relearned_{scope}", best.recovered, judge.size, note=f"forget {best.forget:.3f}, retain {best.retain:.3f}"),
        share(f"relearn_area_{scope}", course.area, judge.size),
        Measurement(
            name=f"relearn_steps_{scope}", value=steps, unit="steps", n=judge.size, better="near-retrained", low=0.0, note=never
        ),
    )


def drawn(course: Course[K], scope: str, judge: Judging) -> tuple[AuditCurve, ...]:
    """A course as curves over the steps."""
    at = tuple(map(float, course.at))
    return (
        AuditCurve(
            label=f"recovered, {scope}", x=at, y=tuple(score.recovered for score in course.scores), x_label="steps",
            y_label="share recovered, less losses",
        ),
        AuditCurve(
            label=f"forget {judge.word}, {scope}", x=at, y=tuple(score.forget for score in course.scores), x_label="steps",
            y_label=judge.word,
        ),
    )  # fmt: skip


def by_scope(
    scopes: Sequence[S], course_of: Callable[[S], Course[K]], measure: Callable[[Course[K], S], Sequence[Measurement]],
    judge: Judging, note: str,
) -> Finding:  # fmt: skip
    """What one relearning after another found, each of other weights.

    Args:
        scopes: What learns in each.
        course_of: Carries one out.
        measure: Reads its numbers from it.
        judge: Who judged.
        note: What was taught, and what was asked.
    """
    courses = [(scope, course_of(scope)) for scope in scopes]
    measurements = tuple(one for scope, course in courses for one in measure(course, scope))
    curves = tuple(curve for scope, course in courses for curve in drawn(course, scope, judge))
    return Finding(measurements, curves, judge.size, (note,))
