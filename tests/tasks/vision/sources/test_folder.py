"""Folders of image files, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lorasteer.errors import DataError
from lorasteer.tasks.vision.sources import load_data
from tests.support.errors import refuses

RED, BLUE = (200, 10, 20), (10, 20, 200)


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def parts(root: Path) -> Path:
    for part, n in (("train", 3), ("test", 2)):
        for row in range(n):
            paint(root / part / "fox" / f"{row}.png", RED)
            paint(root / part / "owl" / f"{row}.png", BLUE)
    return root


def whole(root: Path, n: int = 5) -> Path:
    for row in range(n):
        paint(root / "fox" / f"{row}.png", RED)
        paint(root / "owl" / "young" / f"{row}.bmp", BLUE)
    return root


def test_train_and_test(tmp_path: Path) -> None:
    data = load_data(str(parts(tmp_path)))
    assert (data.shape, data.classes, len(data.train), len(data.test)) == ((3, 4, 6), ("fox", "owl"), 6, 4)
    assert data.test.ids.tolist() == ["test/fox/0.png", "test/fox/1.png", "test/owl/0.png", "test/owl/1.png"]
    assert data.test.images[:, :, 0, 0].tolist() == [list(RED)] * 2 + [list(BLUE)] * 2
    assert data.test.labels.tolist() == [0, 0, 1, 1]


def test_one_part_is_split(tmp_path: Path) -> None:
    data = load_data(str(whole(tmp_path)), test_share=0.4)
    assert (np.bincount(data.train.labels).tolist(), np.bincount(data.test.labels).tolist()) == ([3, 3], [2, 2])
    assert not set(data.train.ids) & set(data.test.ids)
    assert all(name.startswith(("fox/", "owl/young/")) for name in data.test.ids)
    assert load_data(str(tmp_path), test_share=0.4).digest == data.digest


def test_size_and_grey(tmp_path: Path) -> None:
    """Grey of (200, 10, 20) by ITU-R 601: 0.299 * 200 + 0.587 * 10 + 0.114 * 20 = 67.95."""
    paint(parts(tmp_path) / "train" / "fox" / "large.jpg", RED, (60, 40))
    data = load_data(f"{tmp_path}?size=5&grayscale=true")
    assert data.shape == (1, 5, 5)
    assert data.test.images[0].tolist() == [[[68] * 5] * 5]
    assert load_data(data.name).digest == data.digest


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    before = load_data(str(parts(tmp_path))).digest
    (tmp_path / "train" / "fox" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "fox" / "._0.png").write_bytes(b"left by another system")
    (tmp_path / "train" / ".cache").mkdir()
    assert load_data(str(tmp_path)).digest == before


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    for name in ("fox", "owl"):
        paint(tmp_path / name / "0.png", RED)
        paint(tmp_path / name / "1.png", RED)
        Image.new("RGB", (4, 6), RED).save(tmp_path / name / "2.jpg", exif=exif)
    assert load_data(str(tmp_path)).shape == (3, 4, 6)


def test_numbered_classes_are_sorted_by_value(tmp_path: Path) -> None:
    for name in ("10", "9", "2"):
        paint(tmp_path / name / "0.png", RED)
        paint(tmp_path / name / "1.png", RED)
    assert load_data(str(tmp_path)).classes == ("2", "9", "10")


def table(root: Path, *lines: str) -> str:
    (root / "attributes.csv").write_text("\n".join(lines) + "\n")
    return str(root)


def rows(root: Path) -> list[str]:
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    return [f'{name},{number},{number / 2},"a, b"' for number, name in enumerate(files)]


def test_attributes_beside_them(tmp_path: Path) -> None:
    parts(tmp_path)
    data = load_data(table(tmp_path, "file,age,weight,mood", *reversed(rows(tmp_path))))
    found = {name: column.tolist() for name, column in data.test.attributes.items()}
    assert found == {"age": [0, 1, 2, 3], "weight": [0.0, 0.5, 1.0, 1.5], "mood": ["a, b"] * 4}
    assert data.train.attributes["age"].tolist() == [4, 5, 6, 7, 8, 9]


def test_attribute_tables_that_do_not_fit(tmp_path: Path) -> None:
    good = rows(parts(tmp_path))
    header = "file,age,weight,mood"
    for lines, words in [
        (["name,age,weight,mood", *good], ("`file`",)),
        ([header, *good[1:]], ("no row for 'test/fox/0.png'",)),
        ([header, *good, good[0]], ("line 12", "twice")),
        ([header, *good, "test/fox/9.png,1,1,x"], ("line 12", "no such image")),
        ([header, "test/fox/0.png,1", *good[1:]], ("line 2", "too few or many cells")),
        ([header, good[0] + ",more", *good[1:]], ("line 2", "too few or many cells")),
    ]:
        with refuses(DataError, "attributes.csv", *words):
            load_data(table(tmp_path, *lines))


def test_damaged_image_is_named(tmp_path: Path) -> None:
    path = parts(tmp_path) / "train" / "owl" / "1.png"
    for content in (path.read_bytes()[:45], b"", b"text"):
        path.write_bytes(content)
        with refuses(DataError, "'train/owl/1.png' cannot be decoded"):
            load_data(str(tmp_path))


def test_mixed_sizes(tmp_path: Path) -> None:
    paint(parts(tmp_path) / "train" / "owl" / "1.png", BLUE, (7, 4))
    with refuses(DataError, "'train/owl/1.png' is 7x4", "'train/fox/0.png' is 6x4", "size=32"):
        load_data(str(tmp_path))


def test_parts_of_different_size(tmp_path: Path) -> None:
    for path in (parts(tmp_path) / "test").rglob("*.png"):
        paint(path, BLUE, (7, 4))
    with refuses(DataError, "(3, 4, 6)", "(3, 4, 7)"):
        load_data(str(tmp_path))


def test_class_only_in_test(tmp_path: Path) -> None:
    paint(parts(tmp_path) / "test" / "oxl" / "0.png", RED)
    with refuses(DataError, "'test/oxl/0.png' is of class 'oxl'", "no training image", "Did you mean 'owl'"):
        load_data(str(tmp_path))


def test_one_class_is_too_few(tmp_path: Path) -> None:
    paint(tmp_path / "fox" / "0.png", RED)
    with refuses(DataError, "1 class(es)", "at least two"):
        load_data(str(tmp_path))


def test_empty_test_part(tmp_path: Path) -> None:
    for path in (parts(tmp_path) / "test").rglob("*.png"):
        path.unlink()
    with refuses(DataError, "test part", "no images"):
        load_data(str(tmp_path))


@pytest.mark.parametrize("option", ["size=0", "test_share=1", "size=large", "grayscale=perhaps"])
def test_options_out_of_range(tmp_path: Path, option: str) -> None:
    with refuses(DataError, "data source 'folder': option " + option.split("=")[0]):
        load_data(f"{parts(tmp_path)}?{option}")
