"""Logit mask: the output bias of each forgotten class lowered by so much that it can never win.

Paper: none; the free baseline. It forgets classes perfectly and costs nothing, and it removes nothing: the features still tell
the class apart. A method that does not beat it beyond accuracy has shown nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from lorasteer.changes import Change, weight_change
from lorasteer.errors import PlanError
from lorasteer.methods.contract import METHODS
from lorasteer.methods.course import Course
from lorasteer.methods.editing.head import output_layer, target_classes
from lorasteer.records import Plan, Settings
from lorasteer.tasks.material import Material


class LogitMaskSettings(Settings):
    """Settings of `logit-mask`."""

    offset: Annotated[float, Field(lt=0)] = -1e4
    """Added to the output bias of each forgotten class; in logits."""


@METHODS.add(
    "logit-mask", family="editing", tasks={"vision"}, needs={"class-target"}, paper="none: the free baseline", scope={"class"}
)
@dataclass(frozen=True)
class LogitMask:
    """Lower the output bias of the forgotten classes so far that they never win; forgets at no cost, removes nothing."""

    settings: LogitMaskSettings
    Settings = LogitMaskSettings

    def unlearn(self, material: Material, plan: Plan, course: Course) -> Change:
        """A new output bias."""
        layer, rows = output_layer(material), target_classes(material, plan)
        bias = material.base.model.state_dict().get(f"{layer}.bias")
        if bias is None:
            raise PlanError(f"'logit-mask' needs an output bias; layer {layer!r} has none. Choose 'zeroing' or a LoRA method.")
        masked = bias.clone()
        masked[rows] += self.settings.offset
        return weight_change(material.base, {f"{layer}.bias": masked}, plan=plan, strength=plan.strength)
