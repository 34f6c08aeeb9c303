"""The steps of a script: what a person does in a session, written down beforehand. One record for each kind of step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from lorasteer.errors import RequestError
from lorasteer.records import Direction, Record, Request, Target
from lorasteer.session.goal import Budget, Goal, Share

Number = Annotated[int, Field(ge=1)]
Strength = Annotated[float, Field(ge=0, le=1.5)]
WAYS = ("forget", "where", "keyword", "ids", "ids_file", "random")
"""Ways to name a target, as the options of the command line are called."""


class Step(Record):
    """What all steps have."""

    why: str = ""
    """The reason, for the log."""


class Naming(Step):
    """What is to be forgotten, and how; what is left out stays as it is."""

    forget: str | tuple[str, ...] | None = None
    """Class to forget, or several."""
    where: str | None = None
    """Predicate on class and attributes."""
    keyword: str | None = None
    """Word or phrase in prompt or answer, for text."""
    ids: tuple[str, ...] | None = None
    """Ids of training examples."""
    ids_file: str | None = None
    """Path of a text file with one example id per line."""
    random: Annotated[int, Field(gt=0)] | None = None
    """Size of a random forget set."""
    direction: Direction | None = None
    """Meaning inside the target."""
    method: str | None = None
    """Registered method; another one starts without the settings of the one before."""
    settings: dict[str, bool | int | float | str | tuple[str, ...] | None] | None = None
    """Method settings that override what intensity would choose."""
    aim: Literal["auto", "remove", "match-unseen"] | None = None
    """Where to stop."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of everything random."""

    @property
    def target(self) -> Target | None:
        """The target that is named; None where none is.

        Raises:
            RequestError: It is named in more than one way.
        """
        given = [way for way in WAYS if getattr(self, way) is not None]
        if not given:
            return None
        if len(given) > 1:
            raise RequestError(f"the target is named by {' and '.join(given)}; give one of {', '.join(WAYS)}.")
        value = getattr(self, given[0])
        if given == ["forget"]:
            return Target(classes=(value,) if isinstance(value, str) else value)
        return Target.model_validate({given[0]: value})

    def request(self, before: Request | None) -> Request:
        """The request that this makes of the one before.

        Args:
            before: What was asked for so far; None where nothing was.

        Raises:
            RequestError: No target is named and none was before, or it is named in more than one way.
        """
        target = self.target
        if target is None and before is None:
            raise RequestError(f"no target is named; give one of {', '.join(WAYS)}.")
        named = self.model_dump(include={"intensity", "direction", "method", "settings", "aim", "seed"}, exclude_none=True)
        if before is None:
            return Request.model_validate({"target": target, **named})
        if named.get("method", before.method) != before.method:
            named.setdefault("settings", {})
        if target is not None:
            named |= {"target": target, "direction": self.direction}  # a direction lies inside its own target
        return Request.model_validate({**before.model_dump(), **named})


class Asking(Naming):
    """A request whole."""

    intensity: Annotated[float, Field(ge=0, le=1)] | None = None
    """How strongly to forget."""


class Start(Asking):
    """Forget, from the base; what is left out is as the command line says."""

    action: Literal["start"]


class Continue(Step):
    """Train on from the head, with the state of its training."""

    action: Literal["continue"]


class Adjust(Asking):
    """Ask for something else: intensity, direction, method, target."""

    action: Literal["adjust"]


class Also(Asking):
    """Forget another target on top of what is forgotten."""

    action: Literal["also"]


class Seek(Naming):
    """Search for a plan that reaches a goal, from the base; every try is an iteration, and the best one is put in force."""

    action: Literal["goal"]
    forget_at_most: Share | None = None
    """Accuracy that may be left on the target, of text mean answer probability; the usual when left out: 0.01, of text 0.1."""
    retain_loss_at_most: Share | None = None
    """Accuracy that retained test examples may lose; the usual when left out: 0.005, of text 0.03."""
    rest_loss_at_most: Share | None = None
    """With a direction: accuracy that the rest of the target may lose; as retained examples when left out."""
    tries: Annotated[int, Field(ge=0)] = Budget().tries
    """Most trainings."""
    seconds: Annotated[float, Field(ge=0)] = Budget().seconds
    """Most time; a try in hand is interrupted then."""
    layers: tuple[tuple[str, ...], ...] = ()
    """Sets of modules to choose from; an empty one is the classifier head."""

    def goal(self, usual: Goal) -> Goal:
        """What is wanted: the usual, but for what the step says."""
        return Goal.model_validate({**usual.model_dump(), **self.model_dump(include=set(Goal.model_fields), exclude_none=True)})


class Drop(Step):
    """Take back one of several targets and keep the others."""

    action: Literal["drop"]
    number: Number
    """Iteration whose request is taken back."""


class Undo(Step):
    """Move the head to the iteration it went on from."""

    action: Literal["undo"]


class Go(Step):
    """Move the head to any iteration; 0 is the base. What is done next begins a branch there."""

    action: Literal["go"]
    number: Annotated[int, Field(ge=0)]
    """The iteration."""


class Dial(Step):
    """See the head at another strength, without training and without keeping it."""

    action: Literal["strength"]
    strength: Strength
    """Scale of the change, 0 to 1.5."""


class Commit(Step):
    """Keep the head at a strength as an iteration."""

    action: Literal["commit"]
    strength: Strength | None = None
    """Scale of the change, 0 to 1.5; as last dialled when left out."""


class Compare(Step):
    """Say what is different between two iterations."""

    action: Literal["compare"]
    before: Annotated[int, Field(ge=0)]
    """An iteration; 0 is the base."""
    after: Number
    """Another iteration."""


class Combine(Step):
    """Join two branches into an iteration."""

    action: Literal["combine"]
    one: Number
    """An iteration, which the joined one goes on from."""
    other: Number
    """Another iteration."""


class Export(Step):
    """Write the adapter, or the whole model, with its report."""

    action: Literal["export"]
    folder: str
    """Where to, from where the command is run."""
    number: Number | None = None
    """The iteration; the head when left out."""
    merged: bool = False
    """Write the whole model with the change in its weights."""


class Stop(Step):
    """End the session; everything stays to be read and exported."""

    action: Literal["stop"]


AnyStep = Start | Continue | Adjust | Also | Seek | Drop | Undo | Go | Dial | Commit | Compare | Combine | Export | Stop
KINDS: Mapping[str, type[Step]] = {get_args(kind.model_fields["action"].annotation)[0]: kind for kind in get_args(AnyStep)}
"""What a step may be, by its action."""
UNLOGGED = frozenset({"strength", "compare", "export"})
"""Steps that change nothing in the session, so that its log does not know them."""
MAKING = frozenset({"start", "continue", "adjust", "also", "drop", "commit", "combine"})
"""Steps that make an iteration."""
