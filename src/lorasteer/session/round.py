"""One pass of the loop as the workbench gives it: what was asked, planned, made and measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lorasteer.changes import Change
from lorasteer.evaluation import Spread
from lorasteer.records import Evaluation, Plan, Request
from lorasteer.steer.translate import Translation


@dataclass(frozen=True)
class Round:
    """One pass of the loop: what was asked, what was planned, what came of it.

    Args:
        request: What a person asked for.
        translation: Splits and plan made of it.
        change: What unlearning made.
        evaluations: Measurements of the base, each retrained model, and the model with the change in force, in that order.
        outputs: What the model with the change in force says, in the kind of the bench: `Outputs` or `TextOutputs`.
        floor: Spread between retrained models; empty with fewer than two.
        remarks: What a reader of the numbers should not miss.
    """

    request: Request
    translation: Translation
    change: Change
    evaluations: tuple[Evaluation, ...]
    outputs: Any = field(repr=False, compare=False)
    floor: dict[str, Spread] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """The plan that was carried out."""
        return self.translation.plan

    @property
    def now(self) -> Evaluation:
        """Measurements of the model with the change in force."""
        return self.evaluations[-1]


def ending(change: Change) -> tuple[str, ...]:
    """What to say of a training that did not end as planned."""
    notes = change.record.training
    if notes.reason != "diverged":
        return ()
    return (
        f"the loss was not finite after step {notes.steps}; the state of step {notes.kept_step} was kept. "
        "Lower the learning rate or the intensity and run again.",
    )
