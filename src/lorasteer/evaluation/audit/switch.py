"""The trivial attack on a change that was handed out beside its base: leave it off, or turn it down.

An adapter is a file of its own. Whoever holds base and adapter holds the base. A merged export has no such switch, so this says
how the result must be handed out, not whether the target was removed.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lorasteer.evaluation.audit.recovery import JUDGED, Judge, Judging, meaning, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import CommonGround, Ground, Subject
from lorasteer.records import Settings
from lorasteer.records.audit import AuditCurve


class SwitchSettings(Settings):
    """Settings of the switched-off change."""

    strengths: tuple[Annotated[float, Field(ge=0, le=1.5)], ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Strengths to try, as shares of the change's own, in rising order."""


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * JUDGED * len(SwitchSettings().strengths)


@ATTACKS.add(
    "switch-off", kind="switch", cost=_cost, settings=SwitchSettings, needs=frozenset({"change"}),
    suite=frozenset({"quick", "full"}), order=50,
)  # fmt: skip
def switch_off(ground: Ground, subject: Subject, settings: SwitchSettings) -> Finding:
    """Turn the change down, to nothing at last."""
    return switched_off(Judge.on(ground), ground, subject, settings)


def switched_off(judge: Judging, ground: CommonGround, subject: Subject, settings: SwitchSettings) -> Finding:
    """What is known at lower strengths of the change.

    Args:
        judge: Judges each of them.
        ground: Where the base comes from.
        subject: A model with a change.
        settings: Strengths to try.
    """
    change = subject.change
    assert change is not None
    own = change.record.strength
    scores = [judge.tried(change.apply(ground.base, strength=own * part)) for part in settings.strengths]
    off = judge.tried(change.apply(ground.base, strength=0.0))
    measurements = (
        share("switched_off_forget_accuracy", off.forget, judge.size, better="none", note="strength 0"),
        share("switched_off_recovered", off.recovered, judge.size, better="lower", note="only where base and change are apart"),
    )
    curves = tuple(
        AuditCurve(label=label, x=settings.strengths, y=y, x_label="share of the strength", y_label=judge.word)
        for label, y in (
            (f"forget {judge.word}", tuple(score.forget for score in scores)),
            (f"retain {judge.word}", tuple(score.retain for score in scores)),
        )
    )
    note = (
        f"The change is of kind {change.record.kind}; merged into the weights and handed out without the base it has no switch."
    )
    return Finding(measurements, curves, judge.size, (note, *meaning(judge)))
