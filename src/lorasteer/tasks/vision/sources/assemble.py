"""What the sources share: ids, class names, label checks, a seeded test part, attributes from named arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lorasteer.errors import DataError
from lorasteer.tasks.splits import hold_out

PARTS = ("train", "test")
Column = NDArray[np.generic]
Share = Annotated[float, Field(gt=0, lt=1)]
"""Share of each class that becomes the test part, where the data has none of its own."""
Seed = Annotated[int, Field(ge=0)]
"""Seed of that choice."""


def numbered(part: str, n: int) -> NDArray[np.str_]:
    """Ids `part/00000`, `part/00001` … for n examples."""
    return np.array([f"{part}/{row:05d}" for row in range(n)], dtype=np.str_)


def draw_parts(labels: NDArray[np.int64], share: float, seed: int) -> dict[str, NDArray[np.int64]]:
    """Rows of the training and of the test part, each in ascending order.

    Args:
        labels: Class numbers of all examples.
        share: Share of each class in the test part, 0 < share < 1; at least one example of each class.
        seed: Same seed, same rows.
    """
    chosen = hold_out(labels, share, part="test", seed=seed).index
    return {"train": np.setdiff1d(np.arange(len(labels)), chosen), "test": chosen}


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Different names, sorted; by value where all of them are numbers, so that 2 comes before 10."""
    different = set(names)
    return tuple(sorted(different, key=(lambda n: (int(n), n)) if all(n.isdecimal() for n in different) else None))


def as_labels(values: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Whole-number labels of shape [n] or [n, 1] as int64 [n].

    Raises:
        DataError: Another shape, or not whole numbers.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(
            f"labels in {where} are {values.dtype} {list(values.shape)}; allowed are whole numbers [n]. Convert them."
        )
    return values.astype(np.int64)


def check_range(labels: NDArray[np.int64], classes: Sequence[str], where: str, remedy: str) -> None:
    """Refuse labels without a class name.

    Args:
        labels: Class numbers.
        classes: Names; label k means `classes[k]`.
        where: What holds the labels.
        remedy: What the person can do, as a sentence.

    Raises:
        DataError: A label is negative or too large; the message names the first one.
    """
    bad = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(bad):
        raise DataError(
            f"label {labels[bad[0]]} of example {bad[0]} in {where} is outside the {len(classes)} classes; allowed are "
            f"0 to {len(classes) - 1} ({len(bad)} such examples). {remedy}"
        )


def numbered_classes(*labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Class names "0", "1" … up to the largest label, where nobody gave names."""
    largest = max((int(part.max()) for part in labels if len(part)), default=0)
    return tuple(str(number) for number in range(max(largest + 1, 2)))


def as_text(values: NDArray[Any]) -> Column:
    """Bytes and objects as text, whole numbers as int64, other numbers as float64, truth as the words true and false."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8")
    if values.dtype.kind == "b":
        return np.where(values, "true", "false")
    return values.astype({"i": np.int64, "u": np.int64, "f": np.float64}.get(values.dtype.kind, np.str_))


def column_of(values: Sequence[object]) -> Column:
    """An attribute from single values: numbers if all are numbers or missing (NaN then), else words (missing: empty).

    Example:
        >>> column_of([1, None]).tolist(), column_of([True, None]).tolist()
        ([1.0, nan], ['true', ''])
    """
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present):
        whole = len(present) == len(values) and all(isinstance(value, int) for value in present)
        return np.array(values, dtype=np.int64 if whole else np.float64)
    words = {True: "true", False: "false", None: ""}
    return np.array([words[v] if isinstance(v, (bool, type(None))) else str(v) for v in values], dtype=np.str_)


def numbers_or_words(cells: Sequence[str]) -> Column:
    """An attribute from cells of a text table: whole numbers, else numbers, else the words as they are."""
    for kind in (int, float):
        try:
            return np.array([kind(cell) for cell in cells])
        except (ValueError, OverflowError):
            continue
    return np.array(cells, dtype=np.str_)


def part_attributes(arrays: Mapping[str, NDArray[Any]], sizes: Mapping[str, int], where: str) -> dict[str, dict[str, Column]]:
    """Attributes of each part from named arrays.

    `<name>_train` and `<name>_test` belong to their part; an array without such an ending has one row for every example,
    the training part first.

    Args:
        arrays: Arrays by name.
        sizes: Number of examples of each part, in order, as {"train": 60000, "test": 10000}.
        where: What holds the arrays.

    Returns:
        For each part its attributes by name.

    Raises:
        DataError: An array has another number of rows or is no column, or a part lacks an attribute the other has.
    """
    found: dict[str, dict[str, Column]] = {part: {} for part in sizes}
    for key, values in arrays.items():
        name, _, ending = key.rpartition("_")
        if name and ending in sizes:
            found[ending][name] = _column(key, values, sizes[ending], where)
            continue
        whole, start = _column(key, values, sum(sizes.values()), where), 0
        for part, n in sizes.items():
            found[part][key] = whole[start : start + n]
            start += n
    names = set().union(*found.values())
    for part, columns in found.items():
        if names - set(columns):
            missing = sorted(names - set(columns))[0]
            raise DataError(f"attribute {missing!r} in {where} has no values for the {part} part. Add {missing}_{part}.")
    return found


def _column(key: str, values: NDArray[Any], rows: int, where: str) -> Column:
    if values.ndim != 1 or len(values) != rows or values.dtype.kind not in "biufUS":
        raise DataError(
            f"array {key!r} in {where} is {values.dtype} {list(values.shape)}; allowed are numbers or text [{rows}], one for "
            "each example. Correct it, or remove it from the file."
        )
    return as_text(values)
