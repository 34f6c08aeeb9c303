"""Opening what is worked on: a base with its data, and retrained models to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lorasteer.errors import DataError, WeightsError
from lorasteer.session.comparison import Stage, unwatched
from lorasteer.session.workbench import Workbench, retrain_seeds
from lorasteer.store import cache_home
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.vision.classifier import load_base
from lorasteer.tasks.vision.sources import load_data

KEPT_AT_MOST = 2
"""How many retrained models of the cache a table shows without being asked."""


def open_bench(folder: Path, data: str | None = None, cache: Path | None = None) -> Workbench:
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
    base = load_base(folder)
    loaded = load_data(data or base.record.data)
    bench = Workbench(base, loaded, cache or cache_home())  # refuses other images or classes in their own words
    if loaded.digest != base.record.data_digest:
        raise DataError(
            f"data {loaded.name!r} has digest {loaded.digest[:12]}, but the base was trained on {base.record.data_digest[:12]}; "
            "which examples it saw is not known. Give the very data with --data, or train a base on this one."
        )
    return bench


def retrained_models(
    bench: Workbench,
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
    models = [_retrained_in(folder, splits) for folder in folders or ()]
    if count is None:
        kept = (bench.retrained_kept(splits, seed=number) for number in retrain_seeds(0, 0 if models else KEPT_AT_MOST))
        return models + [model for model in kept if model is not None]
    for number in retrain_seeds(0, count):
        with stage(f"retrained model, seed {number}") as observers:
            models.append(bench.retrain(splits, seed=number, observers=observers))
    return models


def _retrained_in(folder: Path, splits: Splits) -> Base:
    base = load_base(folder)
    if base.record.left_out != splits.digest:
        raise WeightsError(
            f"the model in {folder} was not retrained without this forget set; retrain one with `lorasteer retrain` "
            "and the same target."
        )
    return base
