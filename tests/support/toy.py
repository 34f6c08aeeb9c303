"""A real but tiny task: scikit-learn's digits and the paper's CNN, trained once per test process, one digit to forget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lorasteer.records import Plan
from lorasteer.tasks.activations import Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.material import Material
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.splits import Splits, make_splits
from lorasteer.tasks.training import FitSettings, Observer
from lorasteer.tasks.vision.classifier import holdout_for, inputs_for, train_classifier
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.sources.digits import digits

FORGOTTEN = 7
RECIPE = FitSettings(epochs=4, batch_size=64, learning_rate=2e-3, precision="fp32")


@cache
def toy_data() -> ImageData:
    """1,797 digits of 8x8 pixels."""
    return digits()


@cache
def toy_base() -> Base:
    """The paper's CNN, trained for a second; nothing may write to it."""
    return train_classifier(toy_data(), "paper-cnn", RECIPE, seed=0)


@cache
def whole_class() -> Splits:
    """Splits that forget every example of one digit."""
    return splits_where(toy_data().train.labels == FORGOTTEN, toy_data().test.labels == FORGOTTEN)


@cache
def half_class() -> Splits:
    """Splits that forget every second example of that digit: no class is covered whole."""
    members = np.flatnonzero(toy_data().train.labels == FORGOTTEN)
    chosen = np.zeros(len(toy_data().train), bool)
    chosen[members[::2]] = True
    return splits_where(chosen, np.zeros(len(toy_data().test), bool))


def splits_where(train: np.ndarray, test: np.ndarray) -> Splits:
    """Splits of the toy for the examples that are marked."""
    held_out = holdout_for(toy_base().record, toy_data())
    return make_splits(train, test, held_out, data=toy_data().digest, wording="the marked examples")


def toy_material(splits: Splits | None = None, *, base: Base | None = None, folder: Path | None = None) -> Material:
    """What methods work on, with nothing remembered yet."""
    base, splits = base or toy_base(), splits or whole_class()
    inputs = inputs_for(base, toy_data())

    def retrain(seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
        return train_classifier(
            toy_data(), "paper-cnn", RECIPE, seed=seed, without=splits, observers=observers, checkpoint=checkpoint
        )

    return Material(base, inputs, splits, Memory(base, inputs, folder), retrain)


def toy_plan(method: str, *, splits: Splits | None = None, seed: int = 1, **facts: object) -> Plan:
    """A plan with the method's own defaults; `settings`, `weights`, `aim` and `strength` may be given."""
    return Plan.model_validate({"method": method, "splits": (splits or whole_class()).digest, "seed": seed, **facts})


def answers(model: nn.Module, *, part: str = "test") -> Tensor:
    """Logits of a model for all examples of a part, by the full forward pass, shape [n, 10]."""
    data = toy_data().test if part == "test" else toy_data().train
    inputs = inputs_for(toy_base(), toy_data())
    model.eval()
    with torch.no_grad():
        return logits_of(model(inputs.batch("test" if part == "test" else "train", np.arange(len(data)))))


def accuracy(model: nn.Module, *, forgotten: bool) -> float:
    """Share of right answers on the test images of the forgotten digit, or on all others."""
    labels = torch.from_numpy(toy_data().test.labels)
    chosen = (labels == FORGOTTEN) == forgotten
    return (answers(model).argmax(-1) == labels)[chosen].float().mean().item()


def hooks_of(model: nn.Module) -> list[str]:
    """Names of the modules that carry a hook or a replaced forward."""
    carried = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [
        name
        for name, module in model.named_modules()
        if "forward" in vars(module) or any(getattr(module, kind) for kind in carried)
    ]
