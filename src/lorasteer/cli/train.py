"""`lorasteer train`: a base model from data, or from a network trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, train_images, train_labelled, train_text
from lorasteer.cli.asking import pairs_of, plain
from lorasteer.cli.groups import grouped
from lorasteer.errors import PlanError, choices

if TYPE_CHECKING:
    from lorasteer.tasks.training import FitSettings

BASE_FILES = ("base.json", "model.safetensors", "checkpoint.safetensors")
TEXT_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
CHECKPOINT = "checkpoint.safetensors"
WAYS: dict[str, tuple[ModuleType, str, float]] = {
    "vision": (train_images, "paper-cnn", 0.1),
    "language": (train_text, "llama-5m", 0.0),
    "text-classification": (train_labelled, "bert-tiny", 0.1),
}
"""By task: what trains, the model where none is named, and the share that is held out where nothing is said."""

Values = dict[str, Any]


@grouped
def train(
    *,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="digits, facts, a path, or a hub id; with options as in folder:pets?size=32.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the base model goes.")],
    task: options.Task = "vision",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Registered model, folder or hub id, or package.module:callable; paper-cnn or llama-5m else.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of initialisation, order and augmentation.")] = 0,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Passes over the training examples; the model's recipe else.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Examples per step; the model's recipe else.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="Highest learning rate; the recipe's else.")
    ] = None,
    augmentation: Annotated[
        str | None, typer.Option("--augmentation", help="none, crop or flip-crop; the recipe's else.")
    ] = None,
    setting: options.Set = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the model; can be repeated.")
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            "--validation",
            min=0,
            max=0.9,
            help="Share of the training examples to hold out, which steer early stops; 0.1 for classifiers, else 0.",
        ),
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Do not train: take a model that was trained on all of this data elsewhere.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="With --as-is: its weights, safetensors.")
    ] = None,
    text: options.TextWords,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Train a base model, or take one that was trained elsewhere.

    Example:
        lorasteer train digits --model paper-cnn --out digits-base
        lorasteer train idx:mnist --epochs 5 --set weight_decay=1e-4 --out mnist-base
        lorasteer train folder:pets --model ./my-vit --as-is --out pets-base
        lorasteer train questions.jsonl --task language --model ./my-llama --out my-base

    After Ctrl-C the same command goes on from the last whole epoch and gives what an uninterrupted run would have given.
    """
    from lorasteer.store import check_out
    from lorasteer.tasks.base import save_base

    if task not in WAYS:
        raise PlanError(f"unknown task {task!r}. {choices(task, WAYS)}")
    resuming = not (out / "base.json").exists() and (out / CHECKPOINT).exists()
    check_out(out, (*BASE_FILES, *TEXT_FILES), overwrite=overwrite or resuming)
    if weights is not None and not as_is:
        raise PlanError(
            "--weights is for a model trained elsewhere; give --as-is with it, or leave it out to train from scratch."
        )
    way, usual, share = WAYS[task]
    loaded = way.read(data)
    facts = {
        "model": model or usual, "seed": seed, "options": {name: plain(value) for name, value in pairs_of(option).items()},
        "validation_share": share if validation is None else validation,
    }  # fmt: skip
    way.check_words(text, weights)
    if as_is:
        base = way.adopted(loaded, facts, text, weights)
    else:
        shown = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "augmentation": augmentation}
        set_by_hand = {name: plain(value) for name, value in pairs_of(setting).items()}
        settings = _settings(way.recipe(loaded, facts["model"]), {**shown, **set_by_hand})
        way.check(settings)
        base = way.trained(loaded, settings, facts, text, out / CHECKPOINT)
    save_base(base, out)
    (out / CHECKPOINT).unlink(missing_ok=True)
    way.report(base, loaded, out, json)


def _settings(recipe: FitSettings, values: Values) -> FitSettings:
    from pydantic import ValidationError

    from lorasteer.records import first_problem

    known = recipe.model_dump()
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in known:
            raise PlanError(f"the training has no setting {name!r}. {choices(name, known)}")
    try:
        return type(recipe).model_validate({**known, **given})
    except ValidationError as error:
        raise PlanError(f"training: {first_problem(error)}. Correct this setting.") from error
