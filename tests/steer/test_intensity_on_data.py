"""Intensity means what it says: on real images a higher one never leaves more of the class."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lorasteer.records import Request, Target
from lorasteer.session import Workbench
from lorasteer.tasks.training import FitSettings
from lorasteer.tasks.vision.classifier import train_classifier
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources import load_data

KNOTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
SLACK = 0.02  # forget accuracy, a share: what the steps between two looks of the early stop may cost


def first(examples: Examples, count: int) -> Examples:
    """The first examples of a part."""
    columns = {name: column[:count] for name, column in examples.attributes.items()}
    return Examples(examples.images[:count], examples.labels[:count], examples.ids[:count], columns)


def left_over(data: ImageData, target: str) -> list[float]:
    """Forget accuracy of the training half at each intensity, the base's first."""
    settings = FitSettings(epochs=8, learning_rate=2e-3, batch_size=64, schedule="one-cycle", precision="fp32")
    bench = Workbench(train_classifier(data, "paper-cnn", settings), data)
    rounds = [bench.run(Request(target=Target(classes=(target,)), intensity=knot)) for knot in KNOTS]
    values = [done.now.value("forget_accuracy") for done in rounds]
    return [value for value in values if value is not None]


def check(values: list[float]) -> None:
    assert len(values) == len(KNOTS)
    assert values[0] > 0.95
    assert all(after <= before + SLACK for before, after in pairwise(values)), values
    assert values[1] > 0.3
    assert values[-1] <= 0.02
    assert np.mean(values[1:3]) > np.mean(values[3:])


def test_forget_accuracy_falls_with_intensity_on_digits() -> None:
    check(left_over(load_data("digits"), "7"))


@pytest.mark.realdata
@pytest.mark.slow
def test_forget_accuracy_falls_with_intensity_on_mnist(shared_data: Path) -> None:
    whole = load_data(str(shared_data / "mnist"))
    check(left_over(replace(whole, train=first(whole.train, 6000), test=first(whole.test, 2000)), "7"))
