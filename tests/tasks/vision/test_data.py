"""Image data refuses what breaks its own description, and its digest sees every byte."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.vision.data import Examples, ImageData
from tests.support.errors import refuses
from tests.support.images import examples, image_data


def test_equal_data_has_equal_digest() -> None:
    assert image_data().digest == image_data().digest


def _one_more_pixel(part: Examples) -> dict[str, Any]:
    images = part.images.copy()
    images[3, 0, 2, 1] += 1
    return {"images": images}


CHANGES = {
    "pixel": _one_more_pixel,
    "label": lambda part: {"labels": np.where(np.arange(len(part)) == 2, 0, part.labels)},
    "id": lambda part: {"ids": np.char.replace(part.ids, "00004", "00044")},
    "number": lambda part: {"attributes": {**part.attributes, "brightness": part.attributes["brightness"] + 1}},
    "word": lambda part: {"attributes": {**part.attributes, "hue": np.array(["red"] * len(part))}},
    "attribute name": lambda part: {"attributes": {"shine": part.attributes["brightness"], "hue": part.attributes["hue"]}},
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("part", ["train", "test"])
def test_digest_changes_with_one(part: str, what: str) -> None:
    data = image_data()
    old = getattr(data, part)
    changed = dataclasses.replace(data, **{part: dataclasses.replace(old, **CHANGES[what](old))})
    assert changed.digest != data.digest


def test_digest_changes_with_a_class_name() -> None:
    assert dataclasses.replace(image_data(), classes=("a", "b", "d")).digest != image_data().digest


def test_name_does_not_change_the_digest() -> None:
    assert dataclasses.replace(image_data(), name="elsewhere").digest == image_data().digest


def test_label_outside_the_classes() -> None:
    with refuses(DataError, "train example 'train/00002'", "label 2", "0 to 1", "2 such examples"):
        ImageData("made", ("a", "b"), examples("train"), examples("test"))


def test_train_and_test_of_other_shapes() -> None:
    with refuses(DataError, "(1, 4, 4)", "(1, 8, 8)", "resize"):
        ImageData("made", ("a", "b", "c"), examples("train"), examples("test", side=8))


@pytest.mark.parametrize("classes", [("a",), ("a", "b", "a")])
def test_class_names_must_differ(classes: tuple[str, ...]) -> None:
    with refuses(DataError, "at least two and differ"):
        ImageData("made", classes, examples("train"), examples("test"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": np.zeros((6, 1, 4, 4), np.float32)}, "float32"),
        ({"images": np.zeros((6, 4, 4, 1), np.uint8)}, "(6, 4, 4, 1)"),
        ({"images": np.zeros((5, 1, 4, 4), np.uint8)}, "'images' has 5 rows"),
        ({"ids": np.array(["x"] * 6)}, "5 example ids repeat"),
        ({"attributes": {"mood": np.array([None] * 6)}}, "attribute 'mood' is object"),
        ({"attributes": {"mood": np.array([b"a"] * 6)}}, "attribute 'mood' is |S1"),
        ({"attributes": {"mood": np.zeros((6, 2))}}, "[6, 2]"),
        ({"labels": np.zeros(6, np.uint8)}, "labels are uint8"),
    ],
)
def test_broken_examples(change: dict[str, Any], words: str) -> None:
    with refuses(DataError, words):
        dataclasses.replace(examples(), **change)
