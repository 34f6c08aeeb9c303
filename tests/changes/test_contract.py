"""A saved change: whole or not there, checked file by file, refused in one line when anything was altered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lorasteer.changes import Change, compose, load_change, save_change, weight_change
from lorasteer.errors import StoreError, WeightsError
from lorasteer.tasks.base import Base
from lorasteer.tasks.tensors import file_digest
from tests.changes.test_adapter import random_adapter
from tests.support.errors import refuses
from tests.support.toy import answers, toy_base


def masked() -> Change:
    bias = toy_base().model.get_parameter("fc2.bias").clone()
    bias[7] -= 5
    return weight_change(toy_base(), {"fc2.bias": bias})


def adapted() -> Change:
    return random_adapter(toy_base(), ("fc1",))


def composed() -> Change:
    return compose(toy_base(), [masked(), adapted()])


KINDS: dict[str, Callable[[], Change]] = {"weights": masked, "adapter": adapted, "composed": composed}


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A saved change of each kind."""
    return save_change(KINDS[request.param](), tmp_path / "change")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "change.json")


def edit(folder: Path, change: Callable[[dict[str, dict[str, object]]], None]) -> None:
    content = json.loads((folder / "change.json").read_text())
    change(content)
    (folder / "change.json").write_text(json.dumps(content))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_is_the_same(kind: str, tmp_path: Path) -> None:
    change = KINDS[kind]().at(0.5)
    back = load_change(save_change(change, tmp_path / "change"), toy_base())
    assert back.record == change.record
    assert back.record.kind == kind
    assert answers(back.apply(toy_base())).equal(answers(change.apply(toy_base())))


def test_one_flipped_bit_in_any_file_is_refused(folder: Path) -> None:
    assert files(folder)
    for path in files(folder):
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with refuses(WeightsError, path.name, "sha256", "it was altered"):
                load_change(folder)
        path.write_bytes(content)
    load_change(folder)


def test_a_missing_or_truncated_file_is_refused_by_name(folder: Path) -> None:
    for path in files(folder):
        content = path.read_bytes()
        path.unlink()
        with refuses(WeightsError, f"lacks the file '{path.relative_to(folder)}'"):
            load_change(folder)
        path.write_bytes(content[:-1])
        with refuses(WeightsError, "it was altered"):
            load_change(folder)
        path.write_bytes(content)


def test_an_edited_alpha_is_refused(tmp_path: Path) -> None:
    """Also by whoever puts the new digest of the file into change.json: the numbers' own digest covers the configuration."""
    folder = save_change(adapted(), tmp_path / "change")
    path = folder / "adapter_config.json"
    path.write_text(path.read_text().replace('"lora_alpha": 6.0', '"lora_alpha": 60.0'))
    with refuses(WeightsError, "adapter_config.json", "altered"):
        load_change(folder)
    edit(folder, lambda content: content["files"].update({"adapter_config.json": file_digest(path)}))
    with refuses(WeightsError, "altered"):
        load_change(folder)


def test_another_base_is_refused(folder: Path) -> None:
    other = Base(toy_base().record, toy_base().copy())
    with torch.no_grad():
        other.model.get_parameter("conv1.bias")[0] += 1
    with refuses(WeightsError, "was made for base"):
        load_change(folder, other)
    assert load_change(folder, toy_base())


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "part0/../../secret"])
def test_a_manifest_that_names_files_outside_is_refused(name: str, folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    edit(folder, lambda content: content["files"].update({name: "0" * 64}))
    with refuses(WeightsError, f"lacks the file {name!r}"):
        load_change(folder)


def test_numbers_are_checked_also_where_the_manifest_names_no_files(folder: Path) -> None:
    """Whoever empties the list may not put other numbers in."""
    edit(folder, lambda content: content["files"].clear())
    load_change(folder, toy_base())
    path = next(path for path in files(folder) if path.suffix == ".safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with refuses(WeightsError, str(folder), "they were altered"):
        load_change(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"change": {}, "files": {}}', '{"change": {"kind": "other"}, "files": {}}', "null"]
)
def test_a_damaged_manifest_is_one_line(text: str, folder: Path) -> None:
    (folder / "change.json").write_text(text)
    with refuses(WeightsError, "change.json is damaged"):
        load_change(folder)


def test_a_folder_without_a_change_is_refused(tmp_path: Path) -> None:
    with refuses(StoreError, "no change in", "lorasteer unlearn"):
        load_change(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_full_disk_keeps_the_older_folder(kind: str, nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_change(masked(), tmp_path / "change")
    before = {path.name: path.read_bytes() for path in files(folder)}
    count, real = [0], Path.replace

    def replace(path: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == nth:
            raise OSError(28, "No space left on device")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with refuses(StoreError, "No space left"):
            save_change(KINDS[kind](), folder)
    assert {path.name: path.read_bytes() for path in files(folder)} == before
    assert load_change(folder).record == masked().record
    assert [entry.name for entry in tmp_path.iterdir()] == ["change"]


def test_saving_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    folder = save_change(adapted(), tmp_path / "change")
    save_change(masked(), folder)
    assert [path.name for path in files(folder)] == ["weights.safetensors"]
    assert load_change(folder).record.kind == "weights"


def test_a_moved_folder_still_loads(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    assert load_change(tmp_path / "elsewhere", toy_base())
