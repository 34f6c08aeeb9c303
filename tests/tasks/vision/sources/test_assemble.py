"""What the sources share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources.assemble import (
    as_labels,
    as_text,
    check_range,
    column_of,
    draw_parts,
    in_order,
    numbered_classes,
    numbers_or_words,
    part_attributes,
)
from tests.support.errors import refuses


def test_parts_hold_the_same_share_of_each_class() -> None:
    """Of 10, 20 and 1 examples 30 % are 3 and 6; of a single one at least one is taken."""
    labels = np.repeat([0, 1, 2], [10, 20, 1])
    parts = draw_parts(labels, 0.3, seed=0)
    assert np.bincount(labels[parts["test"]]).tolist() == [3, 6, 1]
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(31))
    assert np.array_equal(parts["test"], draw_parts(labels, 0.3, seed=0)["test"])
    assert not np.array_equal(parts["test"], draw_parts(labels, 0.3, seed=1)["test"])


def test_names_in_order() -> None:
    assert in_order(["cat", "ant", "cat"]) == ("ant", "cat")
    assert in_order(["10", "9", "2"]) == ("2", "9", "10")
    assert in_order(["10", "9", "x"]) == ("10", "9", "x")


def test_class_names_from_labels() -> None:
    assert numbered_classes(np.array([0, 2]), np.array([1])) == ("0", "1", "2")
    assert numbered_classes(np.array([0])) == ("0", "1")


@pytest.mark.parametrize("values", [np.array([[1], [2]], np.uint8), np.array([1, 2], np.int32)])
def test_labels_of_usual_shapes(values: np.ndarray) -> None:
    found = as_labels(values, "here")
    assert (found.dtype, found.tolist()) == (np.int64, [1, 2])


@pytest.mark.parametrize("values", [np.eye(2, dtype=np.uint8), np.array([0.0, 1.0]), np.array(["a"]), np.array(3)])
def test_labels_of_other_kinds(values: np.ndarray) -> None:
    with refuses(DataError, "labels in here", str(values.dtype)):
        as_labels(values, "here")


def test_first_label_out_of_range_is_named() -> None:
    with refuses(DataError, "label -1 of example 1 in here", "0 to 1", "2 such examples", "Do this."):
        check_range(np.array([0, -1, 5]), ("a", "b"), "here", "Do this.")
    check_range(np.array([0, 1]), ("a", "b"), "here", "Do this.")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([b"caf\xc3\xa9"]), np.array(["café"])),
        (np.array([True, False]), np.array(["true", "false"])),
        (np.array([3], np.uint8), np.array([3], np.int64)),
        (np.array([0.5], np.float16), np.array([0.5], np.float64)),
    ],
)
def test_columns_become_numbers_or_words(values: np.ndarray, expected: np.ndarray) -> None:
    found = as_text(values)
    assert (found.dtype.kind, found.tolist()) == (expected.dtype.kind, expected.tolist())


@pytest.mark.parametrize(
    ("cells", "expected"), [(["1", "-2"], [1, -2]), (["1", "2.5"], [1.0, 2.5]), (["1", "x"], ["1", "x"]), (["", ""], ["", ""])]
)
def test_cells_become_numbers_or_words(cells: list[str], expected: list[Any]) -> None:
    assert numbers_or_words(cells).tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2], [1, 2]), ([1, 2.5], [1.0, 2.5]), (["a", None], ["a", ""]), ([True, False], ["true", "false"]), ([None], [""])],
)
def test_single_values_become_numbers_or_words(values: list[object], expected: list[object]) -> None:
    assert column_of(values).tolist() == expected


def test_missing_number_is_nan() -> None:
    found = column_of([1, None])
    assert found[0] == 1
    assert np.isnan(found[1])


SIZES = {"train": 3, "test": 2}


def test_attributes_by_ending_or_by_rows() -> None:
    arrays = {"a_train": np.arange(3), "a_test": np.arange(2), "b_c": np.arange(5)}
    found = part_attributes(arrays, SIZES, "here")
    assert {part: {n: c.tolist() for n, c in columns.items()} for part, columns in found.items()} == {
        "train": {"a": [0, 1, 2], "b_c": [0, 1, 2]},
        "test": {"a": [0, 1], "b_c": [3, 4]},
    }


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a_train": np.arange(2), "a_test": np.arange(2)}, ("'a_train'", "[2]", "[3]")),
        ({"a": np.arange(4)}, ("'a'", "[4]", "[5]")),
        ({"a": np.zeros((5, 2))}, ("'a'", "[5, 2]")),
        ({"a": np.zeros(5, complex)}, ("'a'", "complex")),
        ({"a_train": np.arange(3)}, ("'a'", "test part", "a_test")),
    ],
)
def test_attributes_that_do_not_fit(arrays: dict[str, np.ndarray], words: tuple[str, ...]) -> None:
    with refuses(DataError, "here", *words):
        part_attributes(arrays, SIZES, "here")
