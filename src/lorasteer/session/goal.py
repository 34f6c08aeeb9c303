"""What a person wants to reach, in numbers; and how far a model is from it, part by part and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records import Record

NearestTo = Literal["the retrained model", "the base"]
Distance = tuple[float, NearestTo]
"""How far a model is from what breaks ties, in nats, and from what that is."""
Measured = Literal["accuracy", "probability"]
"""What a goal is measured by: the share of right answers, or of text the mean probability of the right answer."""

Share = Annotated[float, Field(ge=0, le=1)]
_HAIR = 1e-9  # what arithmetic may miss a limit by


class Goal(Record):
    """How much of a target may be left, and what the rest may lose for it.

    Among models that reach it, the one nearest to the retrained model is wanted; without one, the least changed.
    """

    forget_at_most: Share = 0.01
    """Accuracy that may be left: on test examples of the target, or of the direction inside it; on the forget set where there are
    no such test examples. Of text the mean answer probability on the forget set, or on the direction's examples."""
    retain_loss_at_most: Share = 0.005
    """Accuracy that retained test examples may lose against the base; of text mean answer probability of retained examples."""
    rest_loss_at_most: Share | None = None
    """With a direction: accuracy that the rest of the target may lose; as retained examples when left out."""

    @property
    def words(self) -> str:
        """The goal in one clause."""
        rest = "" if self.rest_loss_at_most is None else f", the rest of a target at most {_points(self.rest_loss_at_most)}"
        return (
            f"at most {100 * self.forget_at_most:.1f} % left on the target, "
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
    by: Measured = "accuracy"
    """What it is measured by."""

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
            left = "of the target is still recognised" if self.by == "accuracy" else "answer probability is left on the target"
            return f"{100 * self.value:.1f} % {left} (at most {100 * self.limit:.1f} %)"
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
    nearest_to: NearestTo
    """What that distance is measured from: the retrained model on the forget set, or the base on retained examples."""

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


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"
