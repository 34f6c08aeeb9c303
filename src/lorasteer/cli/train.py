"""`lorasteer train`: a base model from data, or from a network trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import pairs_of, plain
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.training import FitSettings
    from lorasteer.tasks.vision.data import ImageData

BASE_FILES = ("base.json", "model.safetensors", "checkpoint.safetensors")
CHECKPOINT = "checkpoint.safetensors"

Values = dict[str, Any]


def train(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="digits, a path, or a hub id; with options as in folder:pets?size=32.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the base model goes.")],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Registered model, folder or hub id, or package.module:callable.")
    ] = "paper-cnn",
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
        float,
        typer.Option("--validation", min=0, max=0.9, help="Share of the training examples to hold out, which steer early stops."),
    ] = 0.1,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Do not train: take a model that was trained on all of this data elsewhere.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="With --as-is: its weights, safetensors.")
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Train a base model, or take one that was trained elsewhere.

    Example:
        lorasteer train digits --model paper-cnn --out digits-base
        lorasteer train idx:mnist --epochs 5 --set weight_decay=1e-4 --out mnist-base
        lorasteer train folder:pets --model ./my-vit --as-is --out pets-base

    After Ctrl-C the same command goes on from the last whole epoch and gives what an uninterrupted run would have given.
    """
    from lorasteer.errors import PlanError
    from lorasteer.store import check_out
    from lorasteer.tasks.base import save_base
    from lorasteer.tasks.vision.sources import load_data

    resuming = not (out / "base.json").exists() and (out / CHECKPOINT).exists()
    check_out(out, BASE_FILES, overwrite=overwrite or resuming)
    if weights is not None and not as_is:
        raise PlanError(
            "--weights is for a model trained elsewhere; give --as-is with it, or leave it out to train from scratch."
        )
    loaded = load_data(data)
    options_of_model = {name: plain(value) for name, value in pairs_of(option).items()}
    if as_is:
        base = _adopted(loaded, model, options_of_model, weights)
    else:
        shown = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "augmentation": augmentation}
        settings = _settings(loaded, model, {**shown, **{name: plain(value) for name, value in pairs_of(setting).items()}})
        base = _trained(loaded, model, settings, options_of_model, seed, validation, out / CHECKPOINT)
    save_base(base, out)
    (out / CHECKPOINT).unlink(missing_ok=True)
    _report(base, loaded, out, json)


def _settings(data: ImageData, model: str, values: Values) -> FitSettings:
    from pydantic import ValidationError

    from lorasteer.errors import PlanError, choices
    from lorasteer.records import first_problem
    from lorasteer.tasks.training import FitSettings
    from lorasteer.tasks.vision.augment import AUGMENTATIONS
    from lorasteer.tasks.vision.models import recipe_for

    recipe = recipe_for(model, len(data.train)).model_dump()
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in recipe:
            raise PlanError(f"the training has no setting {name!r}. {choices(name, recipe)}")
    try:
        settings = FitSettings.model_validate({**recipe, **given})
    except ValidationError as error:
        raise PlanError(f"training: {first_problem(error)}. Correct this setting.") from error
    if settings.augmentation not in AUGMENTATIONS:
        raise PlanError(f"unknown augmentation {settings.augmentation!r}. {choices(settings.augmentation, AUGMENTATIONS)}")
    return settings


def _trained(
    data: ImageData, model: str, settings: FitSettings, options_of_model: Values, seed: int, validation: float, checkpoint: Path
) -> Base:
    from lorasteer.tasks.vision.classifier import train_classifier

    with working("base model") as observers:
        return train_classifier(
            data, model, settings, seed=seed, options=options_of_model, validation_share=validation, observers=observers,
            checkpoint=checkpoint,
        )  # fmt: skip


def _adopted(data: ImageData, model: str, options_of_model: Values, weights: Path | None) -> Base:
    from lorasteer.tasks.vision.classifier import adopt
    from lorasteer.tasks.vision.models import build_model, load_weights, preprocess_for

    network = build_model(model, len(data.classes), data.shape, **options_of_model)
    if weights is not None:
        load_weights(network, weights)
    return adopt(network, data, name=model, preprocess=preprocess_for(model, data), options=options_of_model)


def _report(base: Base, data: ImageData, out: Path, json: bool) -> None:
    from lorasteer.session import accuracy_on_test

    accuracy = accuracy_on_test(base, data)
    if json:
        show.document({"folder": str(out), "base": base.record.model_dump(mode="json"), "test_accuracy": accuracy})
        return
    fit = base.record.fit
    trained = f"{fit.epochs} epochs in {base.record.seconds:.1f} s, {fit.precision}" if fit else "as it is, nothing trained"
    show.say(f"{base.record.model}: {trained}. Accuracy on {len(data.test)} test examples: {accuracy:.2%}.")
    show.say(f"Base model in {out}. Next: lorasteer unlearn {out} --forget {data.classes[-1]}")
