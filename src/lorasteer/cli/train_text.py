"""What `lorasteer train --task language` does: a language model from text, or one that was trained elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorasteer.cli import options, show
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.language.data import TextData
    from lorasteer.tasks.language.inputs import Template
    from lorasteer.tasks.training import FitSettings

Values = dict[str, Any]


def read(spec: str) -> TextData:
    """The data that a command names."""
    from lorasteer.tasks.language.sources import load_text

    return load_text(spec)


def check_words(words: options.TextWords, weights: Path | None) -> None:
    """Refuse options that text has no use for.

    Raises:
        PlanError: A file of weights is given.
    """
    from lorasteer.errors import PlanError

    if weights is not None:
        raise PlanError("--weights is for images; name the folder of a language model, with its tokenizer, with --model.")


def recipe(data: TextData, model: str) -> FitSettings:
    """How a model is trained where nothing else is said."""
    from lorasteer.tasks.language.models import text_recipe_for

    return text_recipe_for(model)


def check(settings: FitSettings) -> None:
    """Refuse what text has no use for.

    Raises:
        PlanError: An augmentation of images is set.
    """
    from lorasteer.errors import PlanError

    if settings.augmentation != "none":
        raise PlanError(f"augmentation is {settings.augmentation!r}, which is for images; text takes none. Leave it out.")


def trained(data: TextData, settings: FitSettings, facts: Values, words: options.TextWords, checkpoint: Path) -> Base:
    """A model trained on the data.

    Args:
        data: Prompts and answers.
        settings: Numbers of the training.
        facts: Model, its options, seed and validation share.
        words: How text is written and read.
        checkpoint: Where to go on from.
    """
    from lorasteer.tasks.language.model import train_language_model

    with working("base model") as observers:
        return train_language_model(data, settings, observers=observers, checkpoint=checkpoint, **facts, **_written(words))


def adopted(data: TextData, facts: Values, words: options.TextWords, weights: Path | None) -> Base:
    """A model that was trained elsewhere."""
    from lorasteer.tasks.language.model import adopt_language

    known = {name: facts[name] for name in ("options", "validation_share")}
    return adopt_language(facts["model"], data, **known, **_written(words))


def report(base: Base, data: TextData, out: Path, json: bool) -> None:
    """Say what was made, and how well it knows its text."""
    from lorasteer.session.text_bench import answer_probability

    known = {part: answer_probability(base, data, part) for part in ("train", "test") if len(getattr(data, part))}
    if json:
        show.document({"folder": str(out), "base": base.record.model_dump(mode="json"), "answer_probability": known})
        return
    fit = base.record.fit
    made = f"{fit.epochs} epochs in {base.record.seconds:.1f} s, {fit.precision}" if fit else "as it is, nothing trained"
    sized = ", ".join(f"{value:.2%} on {part} ({len(getattr(data, part))} examples)" for part, value in known.items())
    show.say(f"{base.record.model}: {made}. Mean answer probability: {sized}.")
    show.say(f"Base model in {out}. Next: lorasteer unlearn {out} {_target(data)}")


def _target(data: TextData) -> str:
    """A target that fits the data: the value of its first attribute of names, or a few examples."""
    names = [name for name, column in data.train.attributes.items() if column.dtype.kind == "U"]
    if not names:
        return f"--ids {data.train.ids[0]}"
    expression = f"{names[0]} == {str(data.train.attributes[names[0]][0])!r}"
    return f"--where {shlex.quote(expression)}" if set(expression) & set('"$`\\!') else f'--where "{expression}"'


def _written(words: options.TextWords) -> Values:
    return {"template": _template(words), "max_length": words.max_length, "truncate": words.truncate}


def _template(words: options.TextWords) -> Template:
    from pydantic import ValidationError

    from lorasteer.errors import PlanError
    from lorasteer.records import first_problem
    from lorasteer.tasks.language.inputs import Template

    given = {"prompt": words.prompt_template, "answer": words.answer_template, "chat": words.chat, "system": words.system}
    named = {name: value.replace("\\n", "\n") if isinstance(value, str) else value for name, value in given.items()}
    try:
        return Template(**{name: value for name, value in named.items() if value is not None})
    except ValidationError as error:
        raise PlanError(f"template: {first_problem(error)}. Correct it.") from error
