"""Anything `datasets` loads: a hub id, a folder of parquet or image files, or a data set saved to disk."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import DataError, choices
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources.assemble import (
    PARTS,
    Column,
    Seed,
    Share,
    check_range,
    column_of,
    draw_parts,
    in_order,
    numbered,
)
from lorasteer.tasks.vision.sources.catalog import SOURCES
from lorasteer.tasks.vision.sources.decode import Side, decode_all

if TYPE_CHECKING:
    from datasets import Dataset

_SAVED = ("dataset_dict.json", "dataset_info.json")
_TABLES = {".parquet": "parquet", ".arrow": "arrow"}


def is_for_datasets(path: Path) -> bool:
    """Whether a path or an id is something that `datasets` loads."""
    if path.is_dir():
        return any((path / name).is_file() for name in _SAVED) or any(any(path.rglob(f"*{end}")) for end in _TABLES)
    return (path.suffix in _TABLES and path.is_file()) or (
        not path.exists() and len(path.parts) == 2 and path.parts[0] not in ("/", "..")
    )


@dataclass(frozen=True)
class _Columns:
    """Which columns hold the images and the labels, and which others are attributes."""

    image: str
    label: str
    attributes: tuple[str, ...]


@SOURCES.add(
    "hub",
    example="hub:owner/name",
    reads="a data set id, a .parquet file or a folder of them, or a folder written by save_to_disk",
    recognises=is_for_datasets,
)
def hub(
    location: str,
    *,
    config: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    train_split: str = "train",
    test_split: str | None = None,
    size: Side | None = None,
    grayscale: bool = False,
    test_share: Share = 0.2,
    seed: Seed = 0,
) -> ImageData:
    """Any image data set that the `datasets` library loads by id or from a local path.

    Columns of single numbers or words beside image and label become attributes.

    Args:
        location: Hub id, file or folder.
        config: Configuration of a data set that has several.
        image_column: Column of images; found by its type where only one is an image.
        label_column: Column of labels; found by its type where only one is a class label. Words and numbers do as well.
        train_split: Split that becomes the training part.
        test_split: Split that becomes the test part; `test`, else `validation`, else drawn from the training split.
        size: Side of the square to resize to; None keeps the images' own size, which must be equal in all.
        grayscale: One channel instead of three.
        test_share: Share of each class in the test part where it is drawn; else not used.
        seed: Seed of that choice.
    """
    splits = load_splits(location, config)
    train = split_named(splits, train_split)
    test = split_named(splits, test_split or next((name for name in ("test", "validation") if name in splits), train_split))
    columns = _columns(train, image_column, label_column)
    classes, labels = _labels(columns.label, train, test)
    tables = {"train": train, "test": test}
    if train is test:
        rows = draw_parts(labels["train"], test_share, seed)
        tables = {part: train.select(chosen) for part, chosen in rows.items()}
        labels = {part: labels["train"][chosen] for part, chosen in rows.items()}
    for part in PARTS:
        check_range(labels[part], classes, f"{location} ({part})", "Choose labelled splits with train_split= and test_split=.")
    parts = (_part(part, tables[part], labels[part], columns, size, grayscale) for part in PARTS)
    return ImageData(f"hub:{location}", classes, *parts)


def load_splits(location: str, config: str | None) -> dict[str, Dataset]:
    """All splits by name.

    Raises:
        DataError: Nothing can be loaded: no such id or path, no connection, damaged files.
    """
    from datasets import Dataset, load_dataset, load_from_disk

    path = Path(location)
    try:
        with _bars_on_terminals_only():
            if any((path / name).is_file() for name in _SAVED):
                loaded = load_from_disk(location)
            elif path.is_file():
                loaded = load_dataset(_TABLES.get(path.suffix, path.suffix.lstrip(".")), data_files=location)
            else:
                loaded = load_dataset(location, config)
    except Exception as error:  # datasets, huggingface_hub and pyarrow share no base class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".!")
        raise DataError(
            f"data set {location!r} cannot be loaded: {reason}. Check the id and the connection, or give the path of a copy."
        ) from error
    return {"train": loaded} if isinstance(loaded, Dataset) else dict(loaded)


@contextmanager
def _bars_on_terminals_only() -> Iterator[None]:
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    hide = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        if hide:
            enable_progress_bars()


def split_named(splits: dict[str, Dataset], name: str) -> Dataset:
    """One of the splits.

    Raises:
        DataError: There is none of that name, or it is empty.
    """
    if name not in splits:
        raise DataError(f"the data set has no split {name!r}. {choices(name, splits)} Choose with train_split= and test_split=.")
    if not len(splits[name]):
        raise DataError(f"split {name!r} is empty; at least one example is needed. Choose another split.")
    return splits[name]


def _columns(table: Dataset, image: str | None, label: str | None) -> _Columns:
    from datasets import ClassLabel, Image, Value

    image = image or _only(table, Image, "image")
    label = label or _only(table, ClassLabel, "label")
    for option, name in (("image_column", image), ("label_column", label)):
        if name not in table.features:
            raise DataError(f"{option} {name!r} is not in the data set. {choices(name, table.features)}")
    if not isinstance(table.features[image], Image):
        raise DataError(f"column {image!r} holds {table.features[image]}, allowed are images. Choose another image_column.")
    single = [name for name, kind in table.features.items() if isinstance(kind, (Value, ClassLabel))]
    return _Columns(image, label, tuple(name for name in single if name != label))


def _only(table: Dataset, kind: type, what: str) -> str:
    """The one column of a type.

    Raises:
        DataError: There is none, or several.
    """
    found: list[str] = [name for name, feature in table.features.items() if isinstance(feature, kind)]
    if len(found) != 1:
        raise DataError(
            f"the data set has {len(found)} columns of type {kind.__name__} ({', '.join(found) or 'none'}); its columns are "
            f"{', '.join(table.features)}. Choose one with {what}_column=."
        )
    return found[0]


def _labels(name: str, train: Dataset, test: Dataset) -> tuple[tuple[str, ...], dict[str, NDArray[np.int64]]]:
    """Class names, and class numbers of both splits; an unlabelled example (None) gets -1."""
    from datasets import ClassLabel

    kind = train.features[name]
    values = {"train": train[name][:], "test": test[name][:]}
    if isinstance(kind, ClassLabel):
        classes = tuple(kind.names)
        number: dict[Any, int] = {label: label for label in range(len(classes))}
    else:
        classes = in_order(str(value) for value in values["train"] if value is not None)
        number = {name: label for label, name in enumerate(classes)}
        values = {part: [str(value) for value in column] for part, column in values.items()}
    return classes, {part: np.array([number.get(value, -1) for value in column], np.int64) for part, column in values.items()}


def _part(part: str, table: Dataset, labels: NDArray[np.int64], columns: _Columns, size: int | None, grayscale: bool) -> Examples:
    images = decode_all(_files(part, table, columns.image), len(table), size=size, grayscale=grayscale)
    attributes = {name: _attribute(table, name) for name in columns.attributes}
    return Examples(images, labels, numbered(part, len(table)), attributes)


def _files(part: str, table: Dataset, column: str) -> Iterator[tuple[str, Path | io.BytesIO]]:
    """Name and still encoded image of each row; decoded by us, so that a damaged one is named."""
    from datasets import Image

    for row, cell in enumerate(table.select_columns([column]).cast_column(column, Image(decode=False))):
        stored = cell[column]
        if stored is None:
            raise DataError(f"row {row} of the {part} split has no image; allowed is one in every row. Remove the row.")
        content = stored["bytes"]
        yield f"{part}/{row:05d}", Path(stored["path"]) if content is None else io.BytesIO(content)


def _attribute(table: Dataset, name: str) -> Column:
    from datasets import ClassLabel

    values: Sequence[object] = table[name][:]
    kind = table.features[name]
    if isinstance(kind, ClassLabel):
        values = [None if value is None or value < 0 else kind.int2str(value) for value in values]  # type: ignore[operator]
    return column_of(values)
