"""What will be done: a Plan is a Request translated for one method, complete enough to be repeated bit for bit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.base import Record

Weight = Annotated[float, Field(ge=0, le=1)]


class Plan(Record):
    """Everything a method may know. Intent reaches a method through this record only."""

    method: str
    """Registered method."""
    settings: dict[str, bool | int | float | str | tuple[str, ...] | None] = {}
    """Values for the method's settings; the method's own defaults fill the rest."""
    splits: str
    """Digest of the splits (which examples are forgotten, retained, held out) the plan was made for."""
    weights: tuple[Weight, ...] | None = None
    """Weight of each forget example, in the order of the forget split; None means 1 for all."""
    aim: Literal["remove", "match-unseen"] = "remove"
    """Where to stop: target no longer recognised, or indistinguishable from unseen examples."""
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """Strength the finished change is applied at; 0 leaves the base as it is."""
    dial_to: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the base's accuracy on the forget set that shall be left: the finished change takes the strength that leaves it;
    None keeps `strength`."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of everything random."""
    because: tuple[str, ...] = ()
    """Why these values: one sentence for each choice the translation made."""
