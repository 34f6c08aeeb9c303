"""What methods share that edit the last linear layer: which rows belong to the target's classes."""

from __future__ import annotations

import numpy as np

from lorasteer.errors import PlanError
from lorasteer.records import Plan
from lorasteer.tasks.material import Material
from lorasteer.tasks.modules import classifier_head


def output_layer(material: Material) -> str:
    """Name of the layer whose rows are the classes.

    Raises:
        PlanError: The model does not end in a linear layer.
    """
    return classifier_head(material.base.model)[-1]


def target_classes(material: Material, plan: Plan) -> list[int]:
    """Class numbers the forget set covers whole.

    Raises:
        PlanError: The forget set holds only a part of a class, or a direction spares some of it, so no class can be taken out.
    """
    if plan.weights is not None and min(plan.weights) < 1:
        raise PlanError(
            f"{plan.method!r} needs a class-target: it removes whole classes, but the plan's direction spares some examples. "
            "Leave the direction out, or choose a method whose needs do not list class-target."
        )
    forget = np.unique(material.inputs.labels("train", material.splits.forget).numpy())
    retain = np.unique(material.inputs.labels("train", material.splits.retain).numpy())
    partly = np.intersect1d(forget, retain)
    if len(partly):
        names = [material.base.record.classes[label] for label in partly]
        raise PlanError(
            f"{plan.method!r} needs a class-target: it removes whole classes, but class {names[0]!r} is only partly in the "
            "forget set. Name whole classes, or choose a method whose needs do not list class-target."
        )
    return [int(label) for label in forget]
