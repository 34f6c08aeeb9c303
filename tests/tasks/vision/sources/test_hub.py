"""Whatever `datasets` loads: saved data sets, parquet files, and what cannot be reached."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pictures

from lorasteer.errors import DataError
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.sources import load_data
from lorasteer.tasks.vision.sources.hub import split_named
from tests.support.errors import refuses

COLUMNS: dict[str, Any] = {
    "picture": Image(),
    "kind": ClassLabel(names=["fox", "owl"]),
    "age": Value("float32"),
    "mood": Value("string"),
}


def png(value: int, side: int = 4) -> dict[str, Any]:
    stream = io.BytesIO()
    Pictures.new("L", (side, side), value).save(stream, "png")
    return {"bytes": stream.getvalue(), "path": None}


def made(n: int, start: int = 0, columns: dict[str, Any] | None = None, **replaced: list[Any]) -> Dataset:
    columns = columns or COLUMNS
    cells = {
        "picture": [png(start + row) for row in range(n)],
        "kind": [row % 2 for row in range(n)],
        "age": [row / 2 for row in range(n)],
        "mood": ["calm", "wild", None, "calm"][:n] + ["calm"] * (n - 4),
        **replaced,
    }
    return Dataset.from_dict({name: cells[name] for name in columns}, features=Features(columns))


def saved(folder: Path, **splits: Dataset) -> str:
    DatasetDict(splits).save_to_disk(str(folder / "saved"))
    return str(folder / "saved")


def parquet(folder: Path, **splits: Dataset) -> str:
    for name, table in splits.items():
        (folder / "tables" / "data").mkdir(parents=True, exist_ok=True)
        table.to_parquet(str(folder / "tables" / "data" / f"{name}-00000-of-00001.parquet"))
    return str(folder / "tables")


def check(data: ImageData) -> None:
    assert (data.classes, data.shape, len(data.train), len(data.test)) == (("fox", "owl"), (3, 4, 4), 6, 4)
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.test.images[:, 2, 3, 3].tolist() == [100, 101, 102, 103]
    assert data.test.labels.tolist() == [0, 1, 0, 1]
    assert data.test.attributes["age"].tolist() == [0, 0.5, 1, 1.5]
    assert data.test.attributes["mood"].tolist() == ["calm", "wild", "", "calm"]
    assert data.test.ids[1] == "test/00001"


@pytest.mark.parametrize("write", [saved, parquet])
def test_splits_from_disk(tmp_path: Path, write: Any) -> None:
    check(load_data(write(tmp_path, train=made(6), test=made(4, 100))))


def test_validation_stands_in_for_test(tmp_path: Path) -> None:
    check(load_data(saved(tmp_path, train=made(6), validation=made(4, 100))))


def test_named_splits(tmp_path: Path) -> None:
    place = saved(tmp_path, old=made(6), new=made(4, 100))
    check(load_data(f"hub:{place}?train_split=old&test_split=new"))
    with refuses(DataError, "no split 'train'", "old, new", "train_split="):
        load_data(place)


def test_one_split_is_divided(tmp_path: Path) -> None:
    made(8).save_to_disk(str(tmp_path / "one"))
    data = load_data(str(tmp_path / "one"), test_share=0.25)
    assert (np.bincount(data.train.labels).tolist(), np.bincount(data.test.labels).tolist()) == ([3, 3], [1, 1])
    for part in (data.train, data.test):
        assert np.array_equal(part.attributes["age"] * 2, part.images[:, 0, 0, 0])
        assert np.array_equal(part.labels, part.images[:, 0, 0, 0] % 2)


def test_a_single_parquet_file(tmp_path: Path) -> None:
    path = Path(parquet(tmp_path, train=made(8))) / "data" / "train-00000-of-00001.parquet"
    data = load_data(str(path), grayscale=True, size=2)
    assert (data.shape, len(data.train) + len(data.test)) == ((1, 2, 2), 8)


def test_words_as_labels_and_class_labels_as_attributes(tmp_path: Path) -> None:
    place = saved(tmp_path, train=made(6), test=made(4, 100, mood=["calm"] * 4))
    with refuses(DataError, "label -1 of example 2", "(train)"):
        load_data(place, label_column="mood")
    words = {"mood": ["wild", "calm", "calm", "wild"]}
    data = load_data(saved(tmp_path / "b", train=made(4, **words), test=made(4, **words)), label_column="mood")
    assert (data.classes, data.train.labels.tolist()) == (("calm", "wild"), [1, 0, 0, 1])
    assert data.train.attributes["kind"].tolist() == ["fox", "owl", "fox", "owl"]


def test_unlabelled_test_split(tmp_path: Path) -> None:
    with refuses(DataError, "label -1 of example 0", "0 to 1", "4 such examples", "test_split="):
        load_data(saved(tmp_path, train=made(6), test=made(4, kind=[-1] * 4)))


def test_columns_that_cannot_be_guessed(tmp_path: Path) -> None:
    bare = {name: kind for name, kind in COLUMNS.items() if name != "kind"}
    place = saved(tmp_path, train=made(4, columns=bare))
    with refuses(DataError, "0 columns of type ClassLabel", "picture, age, mood", "label_column="):
        load_data(place)
    with refuses(DataError, "label_column 'moot'", "Did you mean 'mood'"):
        load_data(place, label_column="moot")
    with refuses(DataError, "'mood'", "allowed are images"):
        load_data(place, image_column="mood", label_column="age")
    twice = {**COLUMNS, "mask": Image()}
    place = saved(tmp_path / "b", train=made(4, columns=twice, mask=[png(0)] * 4))
    with refuses(DataError, "2 columns of type Image (picture, mask)", "image_column="):
        load_data(place)
    assert len(load_data(place, image_column="picture").train.attributes) == 2


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([png(0), {"bytes": png(1)["bytes"][:40], "path": None}, png(2), png(3)], ("'train/00001' cannot be decoded",)),
        ([png(0), png(1), None, png(3)], ("row 2 of the train split has no image",)),
        ([png(0), png(1), png(2), png(3, side=5)], ("'train/00003' is 5x5", "'train/00000' is 4x4", "size=32")),
    ],
)
def test_pictures_that_cannot_be_used(tmp_path: Path, pictures: list[Any], words: tuple[str, ...]) -> None:
    with refuses(DataError, *words):
        load_data(saved(tmp_path, train=made(4, picture=pictures), test=made(4)))


def test_empty_split(tmp_path: Path) -> None:
    empty = made(0, mood=[])
    with refuses(DataError, "split 'train' is empty"):
        split_named({"train": empty}, "train")
    with refuses(DataError, "cannot be loaded", "no data"):
        load_data(parquet(tmp_path, train=empty))


@pytest.mark.parametrize("spec", ["hub:nobody/no-such-data", "nobody/no-such-data", "hub:no-such-data"])
def test_id_that_cannot_be_reached(spec: str) -> None:
    with refuses(DataError, f"data set {spec.removeprefix('hub:')!r} cannot be loaded", "connection"):
        load_data(spec)


def test_damaged_table(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with refuses(DataError, "cannot be loaded"):
        load_data(str(path))


def test_loading_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = parquet(tmp_path, train=made(8))
    capfd.readouterr()
    load_data(place)
    assert capfd.readouterr() == ("", "")
