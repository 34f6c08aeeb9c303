"""What only one kind of material can tell of a change: its classes, and the examples whose answers moved most."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from lorasteer.changes import Change
from lorasteer.records import Evaluation, Record

SHOWN = 5
"""How many examples of the target, and how many retained ones, are shown."""

Share = Annotated[float, Field(ge=0, le=1)]


class ClassAccuracy(Record):
    """Accuracy on the test examples of one class."""

    name: str
    """Name of the class."""
    n: int
    """How many test examples there are of it."""
    target: Share
    """Share of them that meets the target."""
    base: Share
    """Accuracy of the base."""
    before: Share
    """Accuracy before."""
    after: Share
    """Accuracy after."""


class Moved(Record):
    """An example whose answer changed much."""

    id: str
    """Id of the example."""
    part: str
    """`train` or `test`."""
    target: bool
    """Whether it was to be forgotten, or is to be retained."""
    label: str
    """Its true class; of text the right answer."""
    before: str
    """What was answered before: a class, or what a language model writes."""
    after: str
    """What is answered now."""
    sure_before: Share
    """Probability of that class before; of text that of the right answer, the geometric mean of its tokens'."""
    sure_after: Share
    """The same now."""
    prompt: str = ""
    """What was asked; empty where the example is no text."""

    @property
    def words(self) -> str:
        """The example in one line.

        Example:
            >>> Moved(id="7", part="test", target=True, label="a", before="a", after="b", sure_before=0.9, sure_after=0.5,
            ...       prompt="Which?").words
            "'Which?' (forget): 'a' (90 %) before, 'b' (50 %) now; right is 'a'"
        """
        asked, kind = self.prompt or self.id, "forget" if self.target else "retain"
        before, now = f"{self.before!r} ({100 * self.sure_before:.0f} %)", f"{self.after!r} ({100 * self.sure_after:.0f} %)"
        return f"{asked!r} ({kind}): {before} before, {now} now; right is {self.label!r}"


class Side(NamedTuple):
    """One of the models that are compared.

    Args:
        number: Its iteration; 0 is the base.
        evaluation: Its measurements.
        outputs: What it says, in the kind of the bench.
        change: Its change, at the strength that is looked at; None for the base.
    """

    number: int
    evaluation: Evaluation
    outputs: Any
    change: Change | None = None


class Shifts(NamedTuple):
    """What a bench tells of two models beside the base.

    Args:
        classes: Every class; none where the data has none.
        examples: Those that changed most: of the target first, then retained ones.
        words: What a person should not miss of this kind of material, one sentence each.
    """

    classes: tuple[ClassAccuracy, ...] = ()
    examples: tuple[Moved, ...] = ()
    words: tuple[str, ...] = ()


def largest_moves(before: Float[Tensor, " n"], after: Float[Tensor, " n"]) -> list[tuple[float, int]]:
    """How far the examples that moved most have moved, with their places: at most `SHOWN`, the farthest first.

    Args:
        before: A probability of each example.
        after: The same of another model.

    Example:
        >>> import torch
        >>> largest_moves(torch.tensor([0.5, 0.25, 1.0]), torch.tensor([0.5, 1.0, 0.5]))  # the first has not moved
        [(0.75, 1), (0.5, 2)]
    """
    moves = (after - before).abs()
    most, places = moves.topk(min(SHOWN, len(moves)))
    return [(move, place) for move, place in zip(most.tolist(), places.tolist(), strict=True) if move > 0]
