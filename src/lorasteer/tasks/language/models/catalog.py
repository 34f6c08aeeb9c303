"""The table of language models; each file of this folder registers its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from lorasteer.registry import Registry
from lorasteer.tasks.training import FitSettings


class Made(NamedTuple):
    """A network and the tokenizer it reads by."""

    network: nn.Module
    tokenizer: Any


def _populate() -> None:
    import lorasteer.tasks.language.models as folder

    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")


def _never(name: str) -> bool:
    return False


LANGUAGE_MODELS: Registry[Callable[..., Made]] = Registry(
    "language model",
    allowed_facts={"recognises": _never, "recipe": FitSettings()},
    required_facts=("params",),
    populate=_populate,
)
"""Language models by name. A factory takes `(texts, *, options...)`, the training texts, and returns network and tokenizer.

Facts:
    params: How many parameters, in words.
    recognises: Whether a name that is not registered (a folder, an id) is for this entry; its option `location` then receives
        the name.
    recipe: Settings to train it by where nobody gives others.
"""
