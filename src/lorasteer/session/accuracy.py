"""How often a base model is right, before anything is asked of it."""

from __future__ import annotations

import numpy as np
import torch

from lorasteer.tasks.activations import Inputs
from lorasteer.tasks.base import Base
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.classifier import inputs_for
from lorasteer.tasks.vision.data import ImageData

FORWARD = 1000  # examples per pass


def accuracy_on_test(base: Base, data: ImageData) -> float:
    """Share of the test examples whose largest logit is the true class.

    Raises:
        DataError: The base reads other images or knows other classes.
    """
    return share_right(base, inputs_for(base, data))


def share_right(base: Base, inputs: Inputs) -> float:
    """Share of the test examples whose largest logit is the true class.

    Args:
        base: A classifier of any kind.
        inputs: Its examples, as it reads them.
    """
    size, right = inputs.size("test"), 0
    with torch.no_grad():
        for start in range(0, size, FORWARD):
            index = np.arange(start, min(size, start + FORWARD))
            said = logits_of(base.model(inputs.batch("test", index))).argmax(1)
            right += int((said == inputs.labels("test", index)).sum())
    return right / max(1, size)
