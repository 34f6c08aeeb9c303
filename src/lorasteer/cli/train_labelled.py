"""What `lorasteer train --task text-classification` does: a text classifier from labelled text, or one trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorasteer.cli import options, show
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.language.labelled import LabelledData
    from lorasteer.tasks.training import FitSettings

Values = dict[str, Any]


def read(spec: str) -> LabelledData:
    """The data that a command names."""
    from lorasteer.tasks.language.labelled import load_labelled

    return load_labelled(spec)


def check_words(words: options.TextWords, weights: Path | None) -> None:
    """Refuse options that a classifier has no use for.

    Raises:
        PlanError: A template, a chat or a file of weights is given.
    """
    from lorasteer.errors import PlanError

    if weights is not None:
        raise PlanError("--weights is for images; name the folder of a text classifier, with its tokenizer, with --model.")
    if words != options.TextWords(max_length=words.max_length, truncate=words.truncate):
        raise PlanError(
            "templates and chat are for questions and answers; a text classifier reads its text alone. Leave them out."
        )


def recipe(data: LabelledData, model: str) -> FitSettings:
    """How a model is trained where nothing else is said."""
    from lorasteer.tasks.language.classifier_models import classifier_recipe_for

    return classifier_recipe_for(model)


def check(settings: FitSettings) -> None:
    """Refuse what text has no use for.

    Raises:
        PlanError: An augmentation of images is set.
    """
    from lorasteer.errors import PlanError

    if settings.augmentation != "none":
        raise PlanError(f"augmentation is {settings.augmentation!r}, which is for images; text takes none. Leave it out.")


def trained(data: LabelledData, settings: FitSettings, facts: Values, words: options.TextWords, checkpoint: Path) -> Base:
    """A model trained on the data.

    Args:
        data: Texts and labels.
        settings: Numbers of the training.
        facts: Model, its options, seed and validation share.
        words: How long a text may be.
        checkpoint: Where to go on from.
    """
    from lorasteer.tasks.language.classifier import train_text_classifier

    length: Values = {"max_length": words.max_length, "truncate": words.truncate}
    with working("base model") as observers:
        return train_text_classifier(data, settings, observers=observers, checkpoint=checkpoint, **facts, **length)


def adopted(data: LabelledData, facts: Values, words: options.TextWords, weights: Path | None) -> Base:
    """A model that was trained elsewhere."""
    from lorasteer.tasks.language.classifier import adopt_text_classifier

    length: Values = {"max_length": words.max_length, "truncate": words.truncate}
    return adopt_text_classifier(facts["model"], data, options=facts["options"], **length)


def report(base: Base, data: LabelledData, out: Path, json: bool) -> None:
    """Say what was made, and how often it is right."""
    from lorasteer.session.accuracy import share_right
    from lorasteer.tasks.language.classifier import labelled_inputs_for

    accuracy = share_right(base, labelled_inputs_for(base, data))
    if json:
        show.document({"folder": str(out), "base": base.record.model_dump(mode="json"), "test_accuracy": accuracy})
        return
    fit = base.record.fit
    made = f"{fit.epochs} epochs in {base.record.seconds:.1f} s, {fit.precision}" if fit else "as it is, nothing trained"
    show.say(f"{base.record.model}: {made}. Accuracy on {len(data.test)} test examples: {accuracy:.2%}.")
    show.say(f"Base model in {out}. Next: lorasteer unlearn {out} --forget {data.classes[-1]}")
