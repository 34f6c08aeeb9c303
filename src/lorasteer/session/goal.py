"""What a person wants to reach, in numbers; and how far a model is from it, part by part and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from lorasteer.core.divergences import kl_divergence
from lorasteer.evaluation import METRICS, Context
from lorasteer.records import Record

Share = Annotated[float, Field(ge=0, le=1)]
_HAIR = 1e-9  # what arithmetic may miss a limit by


class Goal(Record):
    """How much of a target may be left, and what the rest may lose for it.

    Among models that reach it, the one nearest to the retrained model is wanted; without one, the least changed.
    """

    forget_at_most: Share = 0.01
    """Accuracy that may be left: on test examples of the target, or of the direction inside it; on the forget set where there are
    no such test examples."""
    retain_loss_at_most: Share = 0.005
    """Accuracy that retained test examples may lose against the base."""
    rest_loss_at_most: Share | None = None
    """With a direction: accuracy that the rest of the target may lose; as retained examples when left out."""

    @property
    def words(self) -> str:
        """The goal in one clause."""
        rest = "" if self.rest_loss_at_most is None else f", the rest of a target at most {_points(self.rest_loss_at_most)}"
        return (
            f"at most {100 * self.forget_at_most:.1f} % of the target still recognised, "
            f"retained examples lose at most {_points(self.retain_loss_at_most)}{rest}"
        )


@dataclass(frozen=True)
class Budget:
    """When to give up.

    Args:
        tries: Most trainings.
        seconds: Most time, counted once the base and the retrained models have been asked. A try in hand is interrupted then, and
            counts with what it has learned.
    """

    tries: int = 20
    seconds: float = 60.0


class Part(Record):
    """One part of a goal, measured on one model."""

    name: Literal["forget", "retain", "rest"]
    """Whether it is about what shall go, what is retained, or the rest of a target with a direction."""
    value: float
    """What was measured: a share of examples."""
    limit: float
    """The most it may be."""

    @property
    def missed(self) -> float:
        """How far the value lies beyond the limit; 0 where it does not."""
        return self.value - self.limit if self.value > self.limit + _HAIR else 0.0

    @property
    def words(self) -> str:
        """The part in one clause.

        Example:
            >>> Part(name="forget", value=0.02, limit=0.01).words
            '2.0 % of the target is still recognised (at most 1.0 %)'
        """
        if self.name == "forget":
            return f"{100 * self.value:.1f} % of the target is still recognised (at most {100 * self.limit:.1f} %)"
        who = "retained examples: " if self.name == "retain" else "the rest of the target: "
        return f"{who}{_points(abs(self.value))} {'gained' if self.value < 0 else 'lost'} (at most {_points(self.limit)} lost)"

    @property
    def miss_words(self) -> str:
        """By how much it is missed, in one clause."""
        who = {"forget": "the target is recognised", "retain": "retained examples lose", "rest": "the rest of the target loses"}
        return f"{who[self.name]} {_points(self.missed)} more than wanted"


class Try(Record):
    """An iteration at a strength, judged by a goal."""

    iteration: Annotated[int, Field(ge=1)]
    """Number of the iteration."""
    strength: float
    """Strength at which it was judged."""
    parts: tuple[Part, ...]
    """The parts of the goal."""
    distance: float
    """How far it is from what breaks ties, in nats."""
    nearest_to: Literal["the retrained model", "the base"]
    """What that distance is measured from: the retrained model on the forget set, or the base on retained test examples."""

    @property
    def miss(self) -> float:
        """The most that any part is missed by; 0 where the goal is reached."""
        return max(part.missed for part in self.parts)

    @property
    def met(self) -> bool:
        """Whether it reaches the goal."""
        return self.miss == 0

    @property
    def order(self) -> tuple[float, float, float]:
        """The smaller, the better: first the worst part, then all parts together, then the distance that breaks ties."""
        return self.miss, sum(part.missed for part in self.parts), self.distance

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return f"iteration {self.iteration}" + ("" if self.strength == 1 else f" at strength {self.strength:g}")

    @property
    def words(self) -> str:
        """All parts in one sentence."""
        return f"{self.name}: {'; '.join(part.words for part in self.parts)}."

    @property
    def miss_words(self) -> str:
        """What it misses, in one sentence; that it reaches the goal where it misses nothing."""
        missed = ", ".join(part.miss_words for part in self.parts if part.missed)
        return f"{self.name} {f'misses it: {missed}' if missed else 'reaches it'}."


def judge(goal: Goal, context: Context) -> tuple[Part, ...]:
    """Measure the parts of a goal on the model in the middle of a comparison.

    Args:
        goal: What is wanted.
        context: The model's outputs beside the base's, and the retrained models' where there are any.
    """
    directed = "direction" in context.has
    left = ["direction-accuracy"] if directed else ["forget-test-accuracy", "forget-accuracy"]
    rest_limit = goal.retain_loss_at_most if goal.rest_loss_at_most is None else goal.rest_loss_at_most
    found: list[tuple[Literal["forget", "retain", "rest"], float | None, float]] = [
        ("forget", _first(_value(name, context) for name in left), goal.forget_at_most),
        ("retain", _lost("retain-test-accuracy", context), goal.retain_loss_at_most),
        ("rest", _lost("target-rest-accuracy", context) if directed else None, rest_limit),
    ]
    return tuple(Part(name=name, value=value, limit=limit) for name, value, limit in found if value is not None)


def distance(context: Context) -> tuple[float, Literal["the retrained model", "the base"]]:
    """How far the model is from what breaks ties, in nats, and from what that is."""
    if context.retrained:
        return _divergence(context.reference.forget.logits, context.outputs.forget.logits), "the retrained model"
    assert context.base is not None
    return _divergence(context.base.retain_test.logits, context.outputs.retain_test.logits), "the base"


def _divergence(true: Tensor, said: Tensor) -> float:
    return kl_divergence(true, said).mean().item() if len(true) else 0.0


def _value(name: str, context: Context) -> float | None:
    return METRICS[name].factory(context).value


def _lost(name: str, context: Context) -> float | None:
    assert context.base is not None
    then, now = _value(name, context.measuring(context.base)), _value(name, context)
    return None if then is None or now is None else then - now


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"
