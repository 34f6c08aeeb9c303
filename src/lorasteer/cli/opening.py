"""Opening what a command works on: bases with their data, retrained models, runs and changes."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorasteer.cli.progress import working
from lorasteer.errors import DataError, StoreError, WeightsError

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.records import Snapshot
    from lorasteer.session import Workbench
    from lorasteer.store import RunStore
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.splits import Splits
    from lorasteer.tasks.training import Observer

Stage = Callable[[str], AbstractContextManager[Sequence["Observer"]]]
"""Opens a piece of work by its name and gives who shall watch it."""

KEPT_AT_MOST = 2
"""How many retrained models of the cache a table shows without being asked."""


def open_bench(folder: Path, data: str | None, cache: Path | None) -> Workbench:
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
    from lorasteer.session import Workbench
    from lorasteer.store import cache_home
    from lorasteer.tasks.vision.classifier import load_base
    from lorasteer.tasks.vision.sources import load_data

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
    bench: Workbench, splits: Splits, *, count: int | None, folders: Sequence[Path] | None = None, stage: Stage = working
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
    from lorasteer.session import retrain_seeds

    models = [_retrained_in(folder, splits) for folder in folders or ()]
    if count is None:
        kept = (bench.retrained_kept(splits, seed=number) for number in retrain_seeds(0, 0 if models else KEPT_AT_MOST))
        return models + [model for model in kept if model is not None]
    for number in retrain_seeds(0, count):
        with stage(f"retrained model, seed {number}") as observers:
            models.append(bench.retrain(splits, seed=number, observers=observers))
    return models


def _retrained_in(folder: Path, splits: Splits) -> Base:
    from lorasteer.tasks.vision.classifier import load_base

    base = load_base(folder)
    if base.record.left_out != splits.digest:
        raise WeightsError(
            f"the model in {folder} was not retrained without this forget set; retrain one with `lorasteer retrain` "
            "and the same target."
        )
    return base


def open_store(folder: Path | None) -> RunStore:
    """The store in a folder, or the user's own."""
    from lorasteer.store import RunStore, runs_home

    return RunStore(folder or runs_home())


def actor() -> str:
    """Who is at the keyboard, for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on this system, as in some containers
        return "unknown"


@dataclass(frozen=True)
class Opened:
    """A change by its name.

    Args:
        change: The change.
        kept: The run and iteration it belongs to; None for the folder of a change alone.
    """

    change: Change
    kept: Snapshot | None


def open_change(name: str, store: Path | None) -> Opened:
    """A change by the folder of a run, the folder of a change, or the id of a kept run, perhaps with an iteration of it.

    Raises:
        StoreError: There is nothing of that name.
        WeightsError: It is damaged.
    """
    from lorasteer.changes import load_change
    from lorasteer.store import is_run, read_run
    from lorasteer.store.folder import CHANGE

    folder = Path(name)
    if is_run(folder):
        return Opened(load_change(folder / CHANGE), read_run(folder))
    if folder.is_dir():
        return Opened(load_change(folder), None)
    try:
        kept, (run, number) = open_store(store), run_and_number(name)
        return Opened(kept.change(run, number), kept.snapshot(run, number))
    except StoreError as error:
        if folder.parent != Path() and not folder.exists():
            raise StoreError(f"there is no folder {name}; give the folder or the id of a run.") from error
        raise


def run_and_number(name: str) -> tuple[str, int | None]:
    """The two parts of `RUN:NUMBER`; without a number the head is meant.

    Raises:
        StoreError: What follows the colon is not a whole number.

    Example:
        >>> run_and_number("3f2a1c:2"), run_and_number("3f2a1c")
        (('3f2a1c', 2), ('3f2a1c', None))
    """
    run, colon, number = name.partition(":")
    if colon and not number.isdecimal():
        raise StoreError(f"{name!r} names no iteration; write the run's id, a colon and a whole number, such as {run}:2.")
    return run, int(number) if colon else None
