"""One way in: which source reads what, and specs that say everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources import SOURCES, load_data
from tests.support.errors import refuses


def archive(folder: Path, name: str = "data.npz") -> Path:
    np.savez(folder / name, images=np.zeros((8, 4, 4), np.uint8), labels=np.arange(8) % 2)
    return folder / name


def test_every_source_states_its_facts() -> None:
    assert SOURCES.names() == ["digits", "folder", "hub", "idx", "npz"]
    for entry in SOURCES:
        assert entry["example"].startswith(entry.name)
        assert entry["reads"]
        assert entry.summary.endswith(".")


def places(root: Path) -> dict[str, Path]:
    """One place for each source that reads files."""
    for name in ("idx", "folder/a", "folder/b", "split/train/a", "split/test/a", "hub"):
        (root / name).mkdir(parents=True)
    (root / "idx" / "train-images-idx3-ubyte.gz").touch()
    for name in ("folder/a", "split/train/a"):
        Image.new("L", (2, 2)).save(root / name / "0.png")
    (root / "hub" / "dataset_info.json").touch()
    return {"idx": root / "idx", "folder": root / "folder", "hub": root / "hub", "npz": archive(root)}


def test_exactly_one_source_recognises_each_place(tmp_path: Path) -> None:
    known = places(tmp_path)
    for name, place in [*known.items(), ("folder", tmp_path / "split"), ("hub", Path("owner/name"))]:
        assert [entry.name for entry in SOURCES if entry["recognises"](place)] == [name]
    assert {entry.name for entry in SOURCES if entry["needs_location"]} == set(known)


def test_two_readings_are_not_guessed(tmp_path: Path) -> None:
    folder = places(tmp_path)["folder"]
    (folder / "table.parquet").touch()
    with refuses(DataError, "can be read as folder or hub", f"folder:{folder}"):
        load_data(str(folder))


def test_the_name_loads_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path)
    monkeypatch.chdir(tmp_path)
    data = load_data("data.npz", test_share=0.5, seed=4)
    assert data.name == f"npz:{tmp_path.resolve() / 'data.npz'}?seed=4&test_share=0.5"
    monkeypatch.chdir("/")
    assert load_data(data.name).digest == data.digest
    assert load_data("digits?seed=2").name == "digits?seed=2"


def test_options_in_words_win_over_those_in_the_spec() -> None:
    assert load_data("digits?seed=1", seed=2).digest == load_data("digits", seed=2).digest


def test_a_path_may_hold_a_question_mark(tmp_path: Path) -> None:
    path = archive(tmp_path, "what?now=1.npz")
    data = load_data(str(path))
    assert len(data.train) + len(data.test) == 8


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("digitz", ("no data source and no path 'digitz'", "Did you mean 'digits'", "hub:owner/name")),
        ("idx:", ("needs a place", "idx:path/to/mnist")),
        ("npz", ("needs a place", "npz:")),
        ("digits?sed=1", ("'digits' has no option 'sed'", "Did you mean 'seed'")),
        ("digits?seed=-1", ("option seed", "'-1'")),
        ("folder:/no/such/place", ("there is no folder",)),
        ("idx:/no/such/place", ("has no train-images-idx3-ubyte",)),
        ("/no/such/place", ("no path '/no/such/place'",)),
        ("", ("no data source",)),
    ],
)
def test_refused(spec: str, words: tuple[str, ...]) -> None:
    with refuses(DataError, *words):
        load_data(spec)


def test_a_place_with_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with refuses(DataError, "holds no data that is recognised", "idx: a folder", "npz: a .npz file"):
        load_data(str(tmp_path))
