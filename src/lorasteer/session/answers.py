"""What a model says about the splits of a request: the one place where logits are asked for to be measured."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import nn

from lorasteer.evaluation import Outputs, Predictions
from lorasteer.steer.translate import Translation
from lorasteer.tasks.material import Material
from lorasteer.tasks.splits import Index, Part, Splits

RETAIN_SAMPLE = 5000  # retained training examples that accuracy is measured on, so that a round does not grow with the data


def outputs_of(
    material: Material, network: nn.Module, layers: tuple[str, ...], translation: Translation, **facts: Any
) -> Outputs:
    """What a network says about every part of the splits.

    Args:
        material: Its base and the examples.
        network: The base, or a view of it with a change in force.
        layers: Modules in which it differs from the base; empty for all.
        translation: Splits, and the weights of a direction.
        **facts: The other fields of `Outputs`.
    """
    splits = translation.splits

    def said(part: Part, index: Index) -> Predictions:
        return Predictions(material.logits(network, part, index, layers=layers), material.inputs.labels(part, index))

    weights, test_weights = translation.plan.weights, translation.test_weights
    return Outputs(
        splits=splits.digest, forget=said("train", splits.forget), retain=said("train", retain_sample(splits)),
        forget_test=said("test", splits.forget_test), retain_test=said("test", splits.retain_test),
        validation=said(splits.validation.part, splits.validation.index),
        selected=None if weights is None else torch.tensor(weights),
        selected_test=None if test_weights is None else torch.from_numpy(np.asarray(test_weights)),
        **facts,
    )  # fmt: skip


def retain_sample(splits: Splits) -> Index:
    """Retained training examples that are measured: the same ones for every model of these splits."""
    generator = np.random.default_rng(int(splits.digest[:8], 16))
    return np.sort(generator.choice(splits.retain, min(RETAIN_SAMPLE, len(splits.retain)), replace=False))


def question(translation: Translation) -> str:
    """Digest of what is asked of a model: the splits, and how a direction weighs their examples."""
    total = hashlib.sha256(translation.splits.digest.encode())
    for weights in (translation.plan.weights, translation.test_weights):
        total.update(b"-" if weights is None else np.asarray(weights, np.float64).tobytes())
    return total.hexdigest()
