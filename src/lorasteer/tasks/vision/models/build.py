"""From a name to a network that is known to fit the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lorasteer.errors import PlanError, choices
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.training import FitSettings
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.models.catalog import MODELS, Shape
from lorasteer.tasks.vision.models.hub import hub_preprocess
from lorasteer.tasks.vision.options import call_checked
from lorasteer.tasks.vision.pixels import Preprocess, default_preprocess

STEPS_PER_EPOCH, SMALLEST_BATCH = 30, 16  # recipes are made for tens of thousands of examples; too few steps end half-way


def build_model(name: str, classes: int, shape: Shape, **options: Any) -> nn.Module:
    """Make a network and try it on one blank image.

    Initial weights are drawn from torch's global generator, so seed it first.

    Args:
        name: A registered model (`lorasteer.tasks.vision.models.MODELS`), a folder or hub id of an image classifier,
            `package.module:callable`, or any of these after its entry's name, as in `hub:./my-vit`.
        classes: How many logits it must return, at least 2.
        shape: Channels, height and width of the images.
        **options: Options of the model's factory; for `package.module:callable` they are passed on to it.

    Returns:
        A module in training mode for new networks, as `transformers` leaves it (evaluation mode) for loaded ones.

    Raises:
        PlanError: The name or an option is unknown, or the network does not take such images or return such logits.
        WeightsError: The weights of a folder or hub id cannot be loaded.
    """
    entry, location = _resolve(name)
    if location is not None:
        options = {"location": location, **(options if entry != "factory" else {"options": options})}
    model = call_checked(MODELS[entry].factory, (classes, shape), options, what=f"model {name!r}", error=PlanError)
    _try(name, model, classes, shape)
    return model


def _resolve(name: str) -> tuple[str, str | None]:
    """Registered entry and, where the name is free, what the entry shall look for."""
    if name in MODELS:
        return name, None
    head, _, rest = name.partition(":")
    if rest and head in MODELS:
        return head, rest
    for entry in MODELS:
        if entry["recognises"](name):
            return entry.name, name
    raise PlanError(
        f"unknown model {name!r}. {choices(name, MODELS.names())} Or give an existing folder, a hub id (owner/name), "
        "or package.module:callable."
    )


def _try(name: str, model: nn.Module, classes: int, shape: Shape) -> None:
    """One blank image through the model in evaluation mode, so a misfit shows before any training."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits = logits_of(model(torch.zeros(1, *shape)))
    except PlanError:
        raise
    except Exception as error:  # a foreign network may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PlanError(
            f"model {name!r} does not take images of {shape[0]}x{shape[1]}x{shape[2]}: {reason} "
            "Load the images in the size and number of channels it was made for, or choose another model."
        ) from error
    finally:
        model.train(training)
    if tuple(logits.shape) != (1, classes):
        raise PlanError(
            f"model {name!r} returns {list(logits.shape)} for one image, allowed is [1, {classes}]: one logit per class. "
            "Make it for the classes of the data."
        )


def recipe_for(name: str, examples: int) -> FitSettings:
    """Settings to train a model by where nobody gives others.

    Args:
        name: As for `build_model`.
        examples: Number of training examples; with few of them batches are halved until an epoch has enough steps.

    Raises:
        PlanError: The name is unknown.

    Example:
        >>> recipe_for("mlp", 50_000).batch_size, recipe_for("mlp", 1_258).batch_size
        (128, 32)
    """
    recipe: FitSettings = MODELS[_resolve(name)[0]]["recipe"]
    size = recipe.batch_size
    while size > SMALLEST_BATCH and examples < STEPS_PER_EPOCH * size:
        size //= 2
    return recipe.model_copy(update={"batch_size": size})


def preprocess_for(name: str, data: ImageData) -> Preprocess:
    """Preprocessing a model was trained with where it says so, else the mean and spread of the training images.

    Args:
        name: As for `build_model`.
        data: Image data; its number of channels must be that of a stated preprocessing.

    Raises:
        PlanError: The name is unknown, or the model states another number of channels than the data has.
    """
    entry, location = _resolve(name)
    stated = hub_preprocess(location) if location is not None and entry == "hub" else None
    if stated is None:
        return default_preprocess(data)
    channels = data.shape[0]
    if len(stated.mean) == 1:
        return Preprocess(mean=stated.mean * channels, std=stated.std * channels)
    if len(stated.mean) != channels:
        raise PlanError(
            f"model {name!r} reads {len(stated.mean)} channels, the images have {channels}. Load them with the model's channels."
        )
    return stated
