"""One pass of the loop: asked, planned, changed, measured. Iterations of a run form a tree whose root is the base."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.base import Record
from lorasteer.records.change import ChangeRecord
from lorasteer.records.measurement import Evaluation
from lorasteer.records.plan import Plan
from lorasteer.records.request import Request

Action = Literal["unlearn", "continue", "adjust", "also", "commit", "combine", "drop", "goal"]


class Iteration(Record):
    """One pass of the loop with its evidence; the numbers of the change lie beside it."""

    number: Annotated[int, Field(ge=1)]
    """Its number in the run, counted from 1 in the order of time."""
    parent: Annotated[int, Field(ge=0)] = 0
    """Iteration it went on from; 0 is the untouched base."""
    action: Action = "unlearn"
    """What a person did: `unlearn` starts from the base, `continue` trains on, `adjust` asks for something else, `also` forgets
    another target on top, `commit` fixes a strength, `combine` joins two branches, `drop` takes back one of several targets,
    `goal` is a try on the way to a goal."""
    combined: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """For `combine`: the iterations that were joined, in order."""
    beneath: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Iterations of earlier requests whose changes are in force together with this one's, in order; their examples are neither
    forgotten nor retained here."""
    request: Request
    """What the person asked for."""
    plan: Plan
    """What the request was translated into."""
    wording: str
    """Target and direction in words."""
    splits: str
    """Digest of the splits."""
    sizes: dict[str, int]
    """Number of examples in each part of the splits."""
    change: ChangeRecord
    """Description of the change from the base to here."""
    evaluations: tuple[Evaluation, ...]
    """Measurements of the base, each retrained model, and the model with the change in force."""
    floor: dict[str, tuple[float, float, int]] = {}
    """Distance between retrained models by metric: mean, largest, number of further models. Empty with fewer than two."""
    remarks: tuple[str, ...] = ()
    """What a reader of the numbers should not miss."""
    seconds: float = 0.0
    """Wall time of unlearning alone."""
    created: str
    """When it was finished, UTC, ISO 8601."""
    note: str = ""
    """Why the person did it, in their own words."""
    interrupted: bool = False
    """Whether the person stopped the training before its end."""
