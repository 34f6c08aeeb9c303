"""Blobs: named by what they hold, whole or not there, and refused when a byte of them is not as it was written."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lorasteer.changes import Change, compose
from lorasteer.errors import StoreError, WeightsError
from lorasteer.store.blobs import MANIFEST, Blobs, Manifest
from tests.support.errors import refuses
from tests.support.kept import adapter, kept_base, resume, same, weights


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def test_the_name_is_the_hash_of_the_manifest(blobs: Blobs) -> None:
    name = blobs.keep_change(adapter())
    folder, manifest = blobs.checked(name)
    assert hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() == name == folder.name
    assert (manifest.kind, manifest.base) == ("adapter", kept_base().digest)
    assert manifest.numbers == adapter().record.tensors
    for file, digest in manifest.files.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    assert set(manifest.files) == {"adapter_config.json", "adapter_model.safetensors"}


@pytest.mark.parametrize("change", [adapter(), weights(), compose(kept_base(), [weights(), adapter()])], ids=["a", "w", "c"])
def test_every_kind_comes_back_as_it_was(blobs: Blobs, change: Change) -> None:
    back = blobs.change(blobs.keep_change(change), change.record)
    assert back.record == change.record
    pixels = torch.randn(5, 4)
    assert torch.equal(back.apply(kept_base())(pixels), change.apply(kept_base())(pixels))


def test_what_a_training_goes_on_from_keeps_types_and_shapes(blobs: Blobs) -> None:
    state = {**resume(), "random": torch.arange(7, dtype=torch.uint8), "half": torch.ones(2, 3, dtype=torch.bfloat16)}
    back = blobs.resume(blobs.keep_resume(state, "b"), "b")
    assert same(back, state)
    assert {name: value.dtype for name, value in back.items()} == {name: value.dtype for name, value in state.items()}


def test_equal_numbers_give_equal_names(blobs: Blobs) -> None:
    assert blobs.keep_change(adapter(1)) == blobs.keep_change(adapter(1).at(0.5))
    assert blobs.keep_change(adapter(1)) != blobs.keep_change(adapter(2))
    assert blobs.keep_resume(resume(), "b") != blobs.keep_resume(resume(), "c")
    assert len(blobs.names()) == 4


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_are_not_kept(blobs: Blobs, value: float) -> None:
    with refuses(WeightsError, "NaN or infinity"):
        blobs.keep_resume({"average": torch.tensor([1.0, value])}, "b")
    assert (blobs.names(), blobs.stale()) == (set(), [])


def flipped(path: Path) -> None:
    text = bytearray(path.read_bytes())
    text[-3] ^= 1
    path.write_bytes(bytes(text))


def flip_numbers(folder: Path) -> None:
    flipped(folder / "adapter_model.safetensors")


def edit_alpha(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": config["lora_alpha"] * 2}))


def flip_manifest(folder: Path) -> None:
    flipped(folder / MANIFEST)


def add_a_file(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80")


def lose_a_file(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()


def lose_all(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


DAMAGES = {
    flip_numbers: "adapter_model.safetensors was altered",
    edit_alpha: "adapter_config.json was altered",
    flip_manifest: "manifest.json was altered",
    add_a_file: "adapter_model.bin does not belong there",
    lose_a_file: "adapter_config.json is missing",
    lose_all: "is missing",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_any_altered_byte_is_refused(blobs: Blobs, damage: Callable[[Path], None]) -> None:
    name = blobs.keep_change(adapter())
    damage(blobs.folder / name)
    with refuses(WeightsError, DAMAGES[damage], "estore"):
        blobs.change(name, adapter().record)


def test_other_numbers_under_a_true_manifest_are_refused(blobs: Blobs) -> None:
    name = blobs.keep_change(adapter(1))
    with refuses(WeightsError, "but the iteration names"):
        blobs.change(name, adapter(2).record)
    with refuses(WeightsError, "but the iteration names"):
        blobs.change(name, adapter(1, of=1).record)
    with refuses(WeightsError, "a resume state for base", "is needed"):
        blobs.resume(name, kept_base().digest)
    state = blobs.keep_resume(resume(), "b")
    with refuses(WeightsError, "a resume state for base c"):
        blobs.resume(state, "c")


def replant(folder: Path, **facts: object) -> str:
    """Give a blob another manifest and the name that fits it."""
    manifest = Manifest.from_json((folder / MANIFEST).read_text())
    text = manifest.model_copy(update=facts).to_json()
    (folder / MANIFEST).write_text(text)
    name = hashlib.sha256(text.encode()).hexdigest()
    folder.rename(folder.with_name(name))
    return name


def test_a_manifest_made_to_fit_is_refused_by_the_iteration(blobs: Blobs) -> None:
    name = blobs.keep_change(adapter())
    edit_alpha(blobs.folder / name)
    digest = hashlib.sha256((blobs.folder / name / "adapter_config.json").read_bytes()).hexdigest()
    files = {**Manifest.from_json((blobs.folder / name / MANIFEST).read_text()).files, "adapter_config.json": digest}
    name = replant(blobs.folder / name, files=files)
    with refuses(WeightsError, "configuration is not the one"):
        blobs.change(name, adapter().record)
    config = hashlib.sha256(json.dumps({"adapter_config.json": digest}).encode()).hexdigest()
    name = replant(blobs.folder / name, config=config)
    with refuses(WeightsError, "they were altered"):
        blobs.change(name, adapter().record)


def test_a_damaged_blob_is_made_whole_by_keeping_it_again(blobs: Blobs) -> None:
    name = blobs.keep_change(adapter())
    flip_numbers(blobs.folder / name)
    assert blobs.keep_change(adapter()) == name
    assert blobs.change(name, adapter().record).record == adapter().record
    assert (blobs.names(), blobs.stale()) == ({name}, [])


def test_files_are_copied_without_reading_them(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "elsewhere"
    (source / "part0").mkdir(parents=True)
    (source / "part0" / "numbers.safetensors").write_bytes(b"numbers")
    names = {"part0/numbers.safetensors": hashlib.sha256(b"numbers").hexdigest()}
    folder, manifest = blobs.checked(blobs.keep_files(source, names, adapter().record))
    assert manifest.files == names
    assert (folder / "part0" / "numbers.safetensors").read_bytes() == b"numbers"


def test_removing_takes_the_name_first(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    name = blobs.keep_change(adapter())

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("lorasteer.store.blobs.shutil.rmtree", refuse)
        with refuses(StoreError, "cannot be removed"):
            blobs.remove(blobs.folder / name)
    assert (blobs.names(), len(blobs.stale())) == (set(), 1)
    assert blobs.remove(blobs.stale()[0]) > 0
    assert blobs.stale() == []


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such rights")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o007, 0o660, 0o770)])
def test_who_may_read_is_what_the_umask_says(blobs: Blobs, mask: int, file: int, folder: int) -> None:
    before = os.umask(mask)
    try:
        names = [blobs.keep_change(adapter()), blobs.keep_resume(resume(), kept_base().digest)]
    finally:
        os.umask(before)
    for path in (path for name in names for path in [blobs.folder / name, *(blobs.folder / name).rglob("*")]):
        assert stat.S_IMODE(path.stat().st_mode) == (folder if path.is_dir() else file), path
