"""From a name to a language model and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorasteer.errors import PlanError, choices
from lorasteer.tasks.language.models.catalog import LANGUAGE_MODELS, Made
from lorasteer.tasks.language.network import check_network
from lorasteer.tasks.training import FitSettings
from lorasteer.tasks.vision.options import call_checked


def make_model(name: str, texts: Sequence[str], **options: Any) -> Made:
    """Make or load a language model and its tokenizer, and try that it can be worked on.

    Initial weights are drawn from torch's global generator, so seed it first.

    Args:
        name: A registered model (`lorasteer.tasks.language.models.LANGUAGE_MODELS`), a folder or hub id of a causal language
            model, or the latter after `hub:`.
        texts: Training texts, for a model that makes its own vocabulary.
        **options: Options of the model's factory.

    Raises:
        PlanError: The name or an option is unknown.
        WeightsError: The model cannot be loaded, or is of a kind that cannot be worked on.
    """
    entry, location = _resolve(name)
    options = options if location is None else {"location": location, **options}
    factory = LANGUAGE_MODELS[entry].factory
    made = call_checked(factory, (texts,), options, what=f"language model {name!r}", error=PlanError)
    check_network(made.network)
    return made


def _resolve(name: str) -> tuple[str, str | None]:
    """Registered entry and, where the name is free, what the entry shall look for."""
    if name in LANGUAGE_MODELS and not LANGUAGE_MODELS[name]["recognises"](name):
        return name, None
    head, _, rest = name.partition(":")
    if rest and head in LANGUAGE_MODELS:
        return head, rest
    for entry in LANGUAGE_MODELS:
        if entry["recognises"](name):
            return entry.name, name
    raise PlanError(
        f"unknown language model {name!r}. {choices(name, LANGUAGE_MODELS.names())} "
        "Or give an existing folder, or a hub id (owner/name)."
    )


def text_recipe_for(name: str) -> FitSettings:
    """Settings to train a language model by where nobody gives others.

    Raises:
        PlanError: The name is unknown.
    """
    recipe: FitSettings = LANGUAGE_MODELS[_resolve(name)[0]]["recipe"]
    return recipe
