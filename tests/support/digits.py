"""A small base on the embedded digits, trained once for each process, and rounds on it."""

from __future__ import annotations

from functools import cache
from typing import Any

from lorasteer.records import Request, Target
from lorasteer.session import Round, Workbench
from lorasteer.tasks.base import Base
from lorasteer.tasks.vision.classifier import train_classifier
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.models import recipe_for
from lorasteer.tasks.vision.sources import load_data

SEVEN = Target(classes=("7",))


@cache
def digits() -> ImageData:
    """The data set."""
    return load_data("digits")


@cache
def small_base() -> Base:
    """A perceptron that knows the digits."""
    settings = recipe_for("mlp", len(digits().train)).model_copy(update={"precision": "fp32"})
    return train_classifier(digits(), "mlp", settings)


@cache
def bench() -> Workbench:
    """The base on the bench, without a cache folder."""
    return Workbench(small_base(), digits())


@cache
def forgotten(method: str = "lora-ihl", intensity: float = 0.75) -> Round:
    """One round that forgets the sevens."""
    return bench().run(Request(target=SEVEN, method=method, intensity=intensity))


def request(**values: Any) -> Request:
    """A request to forget the sevens."""
    return Request(**{"target": SEVEN, "intensity": 0.75, **values})
