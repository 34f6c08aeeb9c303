"""What `lorasteer train` does for images: a classifier from data, or one that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorasteer.cli import options, show
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.training import FitSettings
    from lorasteer.tasks.vision.data import ImageData

Values = dict[str, Any]


def read(spec: str) -> ImageData:
    """The data that a command names."""
    from lorasteer.tasks.vision.sources import load_data

    return load_data(spec)


def check_words(words: options.TextWords, weights: Path | None) -> None:
    """Refuse options that images have no use for.

    Raises:
        PlanError: An option of text is given.
    """
    from lorasteer.errors import PlanError

    if words != options.TextWords():
        raise PlanError("templates, chat and lengths are for text; leave them out, or give --task language.")


def recipe(data: ImageData, model: str) -> FitSettings:
    """How a model is trained where nothing else is said."""
    from lorasteer.tasks.vision.models import recipe_for

    return recipe_for(model, len(data.train))


def check(settings: FitSettings) -> None:
    """Refuse settings that images cannot be trained with.

    Raises:
        PlanError: The augmentation is unknown.
    """
    from lorasteer.errors import PlanError, choices
    from lorasteer.tasks.vision.augment import AUGMENTATIONS

    if settings.augmentation not in AUGMENTATIONS:
        raise PlanError(f"unknown augmentation {settings.augmentation!r}. {choices(settings.augmentation, AUGMENTATIONS)}")


def trained(data: ImageData, settings: FitSettings, facts: Values, words: options.TextWords, checkpoint: Path) -> Base:
    """A model trained on the data.

    Args:
        data: Images and labels.
        settings: Numbers of the training.
        facts: Model, its options, seed and validation share.
        words: Not used.
        checkpoint: Where to go on from.
    """
    from lorasteer.tasks.vision.classifier import train_classifier

    with working("base model") as observers:
        return train_classifier(data, facts.pop("model"), settings, observers=observers, checkpoint=checkpoint, **facts)


def adopted(data: ImageData, facts: Values, words: options.TextWords, weights: Path | None) -> Base:
    """A model that was trained elsewhere, with the weights of a file where one is named."""
    from lorasteer.tasks.vision.classifier import adopt
    from lorasteer.tasks.vision.models import build_model, load_weights, preprocess_for

    model, given = facts["model"], facts["options"]
    network = build_model(model, len(data.classes), data.shape, **given)
    if weights is not None:
        load_weights(network, weights)
    return adopt(network, data, name=model, preprocess=preprocess_for(model, data), options=given)


def report(base: Base, data: ImageData, out: Path, json: bool) -> None:
    """Say what was made, and how often it is right."""
    from lorasteer.session import accuracy_on_test

    accuracy = accuracy_on_test(base, data)
    if json:
        show.document({"folder": str(out), "base": base.record.model_dump(mode="json"), "test_accuracy": accuracy})
        return
    fit = base.record.fit
    trained = f"{fit.epochs} epochs in {base.record.seconds:.1f} s, {fit.precision}" if fit else "as it is, nothing trained"
    show.say(f"{base.record.model}: {trained}. Accuracy on {len(data.test)} test examples: {accuracy:.2%}.")
    show.say(f"Base model in {out}. Next: lorasteer unlearn {out} --forget {data.classes[-1]}")
