"""Opening what is worked on: a base with its data, and retrained models to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lorasteer.errors import DataError, SessionError, StoreError, WeightsError, choices
from lorasteer.session.bench import Bench
from lorasteer.session.comparison import Stage, unwatched
from lorasteer.session.labelled_bench import LabelledBench
from lorasteer.session.text_bench import TextBench
from lorasteer.session.workbench import Workbench, retrain_seeds
from lorasteer.store import cache_home
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.classifier import load_text_classifier
from lorasteer.tasks.language.labelled import load_labelled
from lorasteer.tasks.language.model import load_language_base
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.vision.classifier import load_base
from lorasteer.tasks.vision.sources import load_data

KEPT_AT_MOST = 2
"""How many retrained models of the cache a table shows without being asked."""


class Modality(NamedTuple):
    """How one kind of base is opened.

    Args:
        load: Reads a base from its folder.
        read: Loads data from what names it.
        bench: Puts both on the bench.
    """

    load: Callable[[Path], Base]
    read: Callable[[str], Any]
    bench: Callable[[Any, Any, Path], Bench[Any, Any]]


MODALITIES = {
    "vision": Modality(load_base, load_data, Workbench),
    "language": Modality(load_language_base, load_text, TextBench),
    "text-classification": Modality(load_text_classifier, load_labelled, LabelledBench),
}


def task_of(folder: Path | str) -> str:
    """What the base in a folder works on: `vision` or `language`.

    Raises:
        StoreError: The folder holds no base, its record is damaged, or it is of a kind that is not known here.
    """
    path = Path(folder) / "base.json"
    if not path.is_file():
        raise StoreError(f"no base model in {folder} (base.json is missing); make one with `lorasteer train --out {folder}`.")
    try:
        task = str(json.loads(path.read_text(encoding="utf-8")).get("task", "vision"))
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} cannot be read: it is no JSON record. Restore it or train again.") from error
    if task not in MODALITIES:
        raise StoreError(f"{path} is of task {task!r}. {choices(task, MODALITIES)} A newer lorasteer may know it.")
    return task


def open_base(folder: Path | str) -> Base:
    """A base of any kind.

    Raises:
        StoreError: The folder holds no base.
        WeightsError: Its weights are damaged.
    """
    return MODALITIES[task_of(folder)].load(Path(folder))


def open_bench(folder: Path | str, data: str | None = None, cache: Path | None = None) -> Bench[Any, Any]:
    """A base model and its data.

    Args:
        folder: Folder of the base.
        data: Where the data lies; as the base recorded it when left out.
        cache: Folder for activations and retrained models; the user's own when left out.

    Raises:
        StoreError: The folder holds no base.
        WeightsError: Its weights are damaged.
        DataError: The data cannot be read, or is not what the base was trained on.
    """
    modality = MODALITIES[task_of(folder)]
    base = modality.load(Path(folder))
    loaded = modality.read(data or base.record.data)
    bench = modality.bench(base, loaded, cache or cache_home())  # refuses other images or classes in their own words
    if loaded.digest != base.record.data_digest:
        raise DataError(
            f"data {loaded.name!r} has digest {loaded.digest[:12]}, but the base was trained on {base.record.data_digest[:12]}; "
            "which examples it saw is not known. Give the very data with --data, or train a base on this one."
        )
    return bench


def open_workbench(
    folder: Path, data: str | None = None, cache: Path | None = None, *, purpose: str = "the browser"
) -> Workbench:
    """An image classifier and its data, for what works on images so far.

    Args:
        folder: Folder of the base.
        data: Where the data lies; as the base recorded it when left out.
        cache: Folder for activations and retrained models; the user's own when left out.
        purpose: What it is opened for, as the message names it.

    Raises:
        SessionError: The base is of another kind.
    """
    check_images(folder, purpose)
    bench = open_bench(folder, data, cache)
    assert isinstance(bench, Workbench)
    return bench


def check_images(folder: Path, purpose: str) -> None:
    """Refuse a base that is no image classifier.

    Args:
        folder: Folder of the base.
        purpose: What it is wanted for, as the message names it.

    Raises:
        SessionError: The base is of another kind.
        StoreError: The folder holds no base.
    """
    _refuse_others(folder, purpose, vision="image models")


def open_audited(
    folder: Path, data: str | None = None, cache: Path | None = None, *, purpose: str = "the audit"
) -> Workbench | TextBench:
    """An image classifier or a language model and its data, for audits and certificates.

    Args:
        folder: Folder of the base.
        data: Where the data lies; as the base recorded it when left out.
        cache: Folder for activations and retrained models; the user's own when left out.
        purpose: What it is opened for, as the message names it.

    Raises:
        SessionError: The base is of another kind.
    """
    _refuse_others(folder, purpose, vision="image models", language="language models")
    bench = open_bench(folder, data, cache)
    assert isinstance(bench, (Workbench, TextBench))
    return bench


def _refuse_others(folder: Path, purpose: str, **allowed: str) -> None:
    task = task_of(folder)
    if task not in allowed:
        raise SessionError(
            f"the base in {folder} is a {task} model; {purpose} is for {' and '.join(allowed.values())} so far. "
            "Use lorasteer steer, unlearn, evaluate and export."
        )


def retrained_models(
    bench: Bench[Any, Any],
    splits: Splits,
    *,
    count: int | None = None,
    folders: Sequence[Path] | None = None,
    stage: Stage = unwatched,
) -> list[Base]:
    """Models to compare with: the named folders, then as many as are asked for, or those that the cache has.

    Args:
        bench: Base and data.
        splits: Examples that the models have not seen.
        count: How many to train where the cache has none; None for those that it has.
        folders: Folders of models.
        stage: Shows the progress of a training.

    Raises:
        WeightsError: A folder holds a model that was trained on other examples.
        PlanError: The base has no recipe to retrain by.
    """
    models = [_retrained_in(bench, folder, splits) for folder in folders or ()]
    if count is None:
        kept = (bench.retrained_kept(splits, seed=number) for number in retrain_seeds(0, 0 if models else KEPT_AT_MOST))
        return models + [model for model in kept if model is not None]
    for number in retrain_seeds(0, count):
        with stage(f"retrained model, seed {number}") as observers:
            models.append(bench.retrain(splits, seed=number, observers=observers))
    return models


def _retrained_in(bench: Bench[Any, Any], folder: Path, splits: Splits) -> Base:
    base = bench.load(folder)
    if base.record.left_out != splits.digest:
        raise WeightsError(
            f"the model in {folder} was not retrained without this forget set; retrain one with `lorasteer retrain` "
            "and the same target."
        )
    return base
