"""A finished change set to the strength at which the answers to forget lie in the band that was aimed at.

Training looks at a few examples every few steps, and between two looks the answers to forget may become less likely than those of
a model that never saw them. The change's strength leads back, and a little further where the few examples were easier than the
rest. No training is needed for it, only looks.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from lorasteer.changes import Change
from lorasteer.methods.text_source import Asker
from lorasteer.methods.text_stopping import Goal

MOST = 1.25  # strength; beyond it, what was not trained decides
_HALVINGS = 8  # of the range of strengths: to within 0.005


def into_band(change: Change, goal: Goal, asker: Asker) -> Change:
    """The change at the strength whose forget examples lie in the middle of the aim's band; itself where they lie in it.

    Args:
        change: The finished change, at strength 1.
        goal: Gives the band and the examples that are looked at; without a lower end it is no band, and nothing is done.
        asker: How to ask; its own network is not used.
    """
    material, band = goal.eyes.source.material, goal.aim.forget

    def left(strength: float) -> float:
        with_change = replace(asker, network=material.network(change.apply(material.base, strength=strength)), layer=None)
        with torch.no_grad():
            return goal.eyes.answers(goal.pools.settled, lambda text: with_change.hidden([text])[0]).exp().mean().item()

    if band.low <= 0 or band.missed(left(change.record.strength)) == 0:
        return change
    wanted, low, high = math.sqrt(band.low * band.high), 0.0, MOST
    for _ in range(_HALVINGS):
        at = (low + high) / 2
        low, high = (at, high) if left(at) > wanted else (low, at)
    return change.at(round(high, 4))
