"""The one place that chooses how a method trains by what its material is: images or text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from lorasteer.changes import Change
from lorasteer.methods.course import Course
from lorasteer.methods.objective import ForgetLoss
from lorasteer.methods.procedure import train_adapter
from lorasteer.methods.settings import AdapterSettings, TextAdapterSettings
from lorasteer.methods.text_procedure import train_text_adapter
from lorasteer.methods.tokens import TokenObjective
from lorasteer.records import Plan


@dataclass(frozen=True)
class Objective:
    """What a method minimises on forget examples, for each kind of material it works on.

    Args:
        images: On logits of images.
        tokens: On answer tokens of text.

    Both are None for a method that only learns from retained examples.
    """

    images: ForgetLoss | None = None
    tokens: TokenObjective | None = None


def train(material: Any, plan: Plan, settings: AdapterSettings, objective: Objective, course: Course) -> Change:
    """Train an adapter on the material's frozen base.

    Args:
        material: A `Material` of images or a `TextMaterial`.
        plan: Weights, aim and seed.
        settings: Numbers of the run: `TextAdapterSettings` for text.
        objective: What is minimised on forget examples.
        course: Who watches, and the adapter to go on from.

    Raises:
        PlanError: A layer cannot be adapted, the rank is too large for one, or the plan asks for what the material lacks.
    """
    if material.task == "language":
        return train_text_adapter(material, plan, cast(TextAdapterSettings, settings), objective.tokens, course)
    return train_adapter(material, plan, settings, objective.images, course)
