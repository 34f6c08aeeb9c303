"""A finished change turned down into the band of forgetting that was aimed at, where training went past it.

Training looks at the model every few steps, and between two looks the answers to forget may become less likely than those of a
model that never saw them. The change's strength leads back: 0 is the base, so somewhere between lies the band. No training is
needed for it, only looks.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from lorasteer.changes import Change
from lorasteer.methods.text_source import Asker
from lorasteer.methods.text_stopping import Goal

_HALVINGS = 8  # of the range of strengths: to within 0.004


def into_band(change: Change, goal: Goal, asker: Asker) -> Change:
    """The change at a lower strength, whose forget examples lie in the aim's band; itself where they do not lie below it.

    Args:
        change: The finished change.
        goal: Gives the band and the examples that are looked at.
        asker: How to ask; its own network is not used.
    """
    material, band, whole = goal.eyes.source.material, goal.aim.forget, change.record.strength

    def left(strength: float) -> float:
        with_change = replace(asker, network=material.network(change.apply(material.base, strength=strength)), layer=None)
        with torch.no_grad():
            return goal.eyes.answers(goal.pools.judged, lambda text: with_change.hidden([text])[0]).exp().mean().item()

    if band.low <= 0 or left(whole) >= band.low:
        return change
    wanted, low, high = math.sqrt(band.low * band.high), 0.0, whole
    for _ in range(_HALVINGS):
        at = (low + high) / 2
        low, high = (at, high) if left(at) > wanted else (low, at)
    return change.at(round(high, 4))
