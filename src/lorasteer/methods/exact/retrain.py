"""Retraining: the same recipe from the start, without the forget set. The gold standard every other method is compared with.

Paper: Bourtoule et al., IEEE S&P 2021, arXiv 1912.03817, state the goal. All weights are drawn anew (one reference code resets
0.05 % of them and calls that retraining), with the plan's seed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from lorasteer.changes import Change, weight_change
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.records import Plan, Settings, TrainingNotes
from lorasteer.tasks.material import Material


class RetrainSettings(Settings):
    """Settings of `retrain`; there are none: the recipe is the base's own."""


@METHODS.add("retrain", family="exact", tasks={"vision"}, needs={"labels", "retain"}, paper="arXiv:1912.03817")
@dataclass(frozen=True)
class Retrain:
    """Train the same model from scratch without the forget set; the gold standard."""

    settings: RetrainSettings
    Settings = RetrainSettings

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """New values for all weights."""
        started = time.perf_counter()
        model = material.retrain(plan.seed, course.observers, None).model
        notes = TrainingNotes(seconds=round(time.perf_counter() - started, 4), reason="finished")
        numbers = sum(parameter.numel() for parameter in model.parameters())
        return weight_change(
            material.base, model.state_dict(), plan=plan, training=notes, trainable=numbers, strength=plan.strength
        )
