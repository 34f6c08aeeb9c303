"""Zeroing: the output row and bias of each forgotten class set to 0.

Paper: the seed paper's "Zeroed" row. A logit of 0 can still win where all others are negative, so some of the class stays:
34 % of MNIST's 7 in the paper's own table. `logit-mask` is the edit that forgets whole classes without a remainder.
"""

from __future__ import annotations

from dataclasses import dataclass

from lorasteer.changes import Change, weight_change
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.editing.head import output_layer, target_classes
from lorasteer.records import Plan, Settings
from lorasteer.tasks.material import Material


class ZeroingSettings(Settings):
    """Settings of `zeroing`; there are none."""


@METHODS.add(
    "zeroing", family="editing", tasks={"vision"}, needs={"class-target"}, paper="seed paper, Table 1", forgets=False,
    scope={"class"},
)  # fmt: skip
@dataclass(frozen=True)
class Zeroing:
    """Set the output row and bias of the forgotten classes to 0; part of the class may stay."""

    settings: ZeroingSettings
    Settings = ZeroingSettings

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """Zeros for one row and one bias per class."""
        layer, rows = output_layer(material), target_classes(material, plan)
        state = material.base.model.state_dict()
        values = {name: state[name].clone() for name in (f"{layer}.weight", f"{layer}.bias") if name in state}
        for value in values.values():
            value[rows] = 0.0
        return weight_change(material.base, values, plan=plan, strength=plan.strength)
