"""A goal beside a model: its parts measured, by the metrics of the kind of material."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from lorasteer.evaluation.metric import Reading
from lorasteer.registry import Registry
from lorasteer.session.goal import Goal, Measured, Part


class Compared(Protocol):
    """One model's answers beside those of the base and of retrained models: a `Context` or a `TextContext`."""

    @property
    def base(self) -> Any:
        """What the base says."""
        ...

    @property
    def has(self) -> frozenset[str]:
        """Which needs of metrics are met."""
        ...

    def measuring(self, outputs: Any) -> Self:
        """The same comparison with another model in the middle."""
        ...


@dataclass(frozen=True)
class Measures:
    """The metrics that the parts of a goal are measured by.

    Args:
        metrics: Where they are registered.
        by: What they are.
        forget: On the target; the first that is defined counts.
        direction: On the direction inside it.
        retain: On retained examples.
        rest: On the rest of the target.
    """

    metrics: Registry[Callable[[Any], Reading]]
    by: Measured
    forget: tuple[str, ...]
    direction: str
    retain: str
    rest: str

    def value(self, name: str, context: Compared) -> float | None:
        """One of them; None where it is not defined."""
        return self.metrics[name].factory(context).value

    def lost(self, name: str, context: Compared) -> float | None:
        """What the model has lost of one against the base; None where it is not defined."""
        assert context.base is not None
        then, now = self.value(name, context.measuring(context.base)), self.value(name, context)
        return None if then is None or now is None else then - now


def judge(goal: Goal, context: Compared, measures: Measures) -> tuple[Part, ...]:
    """Measure the parts of a goal on the model in the middle of a comparison.

    Args:
        goal: What is wanted.
        context: The model's outputs beside the base's, and the retrained models' where there are any.
        measures: What to measure them by.
    """
    directed = "direction" in context.has
    left = [measures.direction] if directed else measures.forget
    rest_limit = goal.retain_loss_at_most if goal.rest_loss_at_most is None else goal.rest_loss_at_most
    forget = next((value for name in left if (value := measures.value(name, context)) is not None), None)
    found: list[tuple[Literal["forget", "retain", "rest"], float | None, float]] = [
        ("forget", forget, goal.forget_at_most),
        ("retain", measures.lost(measures.retain, context), goal.retain_loss_at_most),
        ("rest", measures.lost(measures.rest, context) if directed else None, rest_limit),
    ]
    return tuple(
        Part(name=name, value=value, limit=limit, by=measures.by) for name, value, limit in found if value is not None
    )  # fmt: skip
