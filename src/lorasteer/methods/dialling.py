"""The strength at which a finished change leaves what its plan promises: found on the forget set, without training."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from lorasteer.changes import Change
from lorasteer.changes.contract import MAX_STRENGTH
from lorasteer.methods.pools import evenly
from lorasteer.records import Plan
from lorasteer.tasks.material import Material

LOOKED_AT = 2000  # forget examples at most
_HALVINGS = 10  # of the range of strengths: to within 0.003


def dialled(material: Material, plan: Plan, change: Change) -> Change:
    """The change at the strength that leaves `plan.dial_to` of the base's accuracy on the forget set, as nearly as one does.

    Args:
        material: Base and examples.
        plan: What shall be left; the weights of a direction count.
        change: The finished change.
    """
    assert plan.dial_to is not None
    wanted = plan.dial_to * share_right(material, plan, material.base.model, change.layers)
    low, high, seen = 0.0, MAX_STRENGTH, dict[float, float]()
    for step in range(_HALVINGS):
        at = 1.0 if step == 0 else (low + high) / 2
        seen[at] = share_right(material, plan, change.apply(material.base, strength=at), change.layers)
        low, high = (low, at) if seen[at] <= wanted else (at, high)
    best = min(seen, key=lambda at: (abs(seen[at] - wanted), abs(at - 1)))
    return change.at(round(best, 4))


def share_right(material: Material, plan: Plan, model: nn.Module, layers: tuple[str, ...]) -> float:
    """Share of right answers on the forget set, each example with its weight in the plan."""
    forget = material.splits.forget
    places = evenly(np.arange(len(forget)), LOOKED_AT)
    weights = torch.ones(len(places)) if plan.weights is None else torch.tensor(plan.weights)[places]
    labels = material.inputs.labels("train", forget[places])
    right = material.logits(model, "train", forget[places], layers=layers).argmax(-1) == labels
    total = float(weights.sum())
    return float((weights * right).sum()) / total if total else 0.0
