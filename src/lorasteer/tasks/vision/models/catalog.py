"""The table of models; each file of this folder registers its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from torch import nn

from lorasteer.registry import Registry
from lorasteer.tasks.training import FitSettings

Shape = tuple[int, int, int]
"""Channels, height, width."""
SMALL_RECIPE = FitSettings(epochs=10, batch_size=128, learning_rate=2e-3, schedule="one-cycle")
"""Training of the small networks for digits."""
RESNET_RECIPE = FitSettings(
    epochs=12, batch_size=128, optimizer="sgd", learning_rate=0.05, schedule="one-cycle", weight_decay=5e-4,
    augmentation="flip-crop",
)  # fmt: skip
"""Training of residual networks for colour photographs; for images that must not be mirrored, set another augmentation."""


def _populate() -> None:
    import lorasteer.tasks.vision.models as folder

    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")


def _never(name: str) -> bool:
    return False


MODELS: Registry[Callable[..., nn.Module]] = Registry(
    "model",
    allowed_facts={"paper": "", "size": None, "recognises": _never, "recipe": FitSettings()},
    required_facts=("params",),
    populate=_populate,
)
"""Models by name. A factory takes `(classes, shape, *, options...)` and returns a freshly initialised module.

Facts:
    params: How many parameters, in words.
    paper: Where the network is described.
    size: (channels, height, width) it was made for, None for any.
    recognises: Whether a name that is not registered (a folder, an id, a dotted name) is for this entry; its option
        `location` then receives the name.
    recipe: Settings to train it by where nobody gives others.
"""
