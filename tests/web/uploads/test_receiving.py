"""Taking in: every kind as what it is, under any name, whole or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from lorasteer.errors import StoreError
from lorasteer.tasks.tensors import read_tensors
from lorasteer.tasks.vision.classifier import load_base
from lorasteer.tasks.vision.sources import load_data
from lorasteer.web.security import Refusal
from lorasteer.web.uploads import Received, UploadLimits, Uploads
from lorasteer.web.uploads.pictures import ENDINGS
from tests.support.errors import refuses
from tests.support.faults import faulty
from tests.web.uploads.made import adapter, base_files, numbers, picture, pieces, zipped

Receive = Callable[..., Received]
IMAGES = {f"{name}/{row}.png": picture() for name in ("cat", "dog") for row in range(6)}


def test_an_adapter_is_taken_in_and_can_be_read(receive: Receive) -> None:
    got = receive(adapter(), "cats.safetensors")
    assert (got.kind, got.name, got.bytes) == ("adapter", "cats.safetensors", len(adapter()))
    assert set(read_tensors(got.path)[0]) == {"lora_A", "lora_B"}


@pytest.mark.parametrize("top", ["", "my base/"])
def test_a_base_is_taken_in_and_loads(receive: Receive, tmp_path: Path, top: str) -> None:
    files = base_files(tmp_path / "base")
    got = receive(zipped({top + name: content for name, content in files.items()}), "base.zip")
    assert got.kind == "base"
    assert load_base(got.path).record.model == "mlp"


@pytest.mark.parametrize("top", ["", "data/"])
def test_images_are_taken_in_and_load(receive: Receive, top: str) -> None:
    got = receive(zipped({top + name: content for name, content in IMAGES.items()}))
    assert got.kind == "images"
    assert load_data(f"folder:{got.path}").classes == ("cat", "dog")


def test_what_systems_leave_in_archives_is_not_unpacked(receive: Receive) -> None:
    got = receive(zipped({**IMAGES, "__MACOSX/cat/._0.png": b"x", "cat/.DS_Store": b"x", "Thumbs.db": b"x"}))
    assert sorted(path.name for path in got.path.iterdir()) == ["cat", "dog"]
    assert {path.suffix for path in got.path.rglob("*.*")} == {".png"}


def test_an_attribute_table_belongs_to_images(receive: Receive) -> None:
    table = "file,hue\n" + "".join(f"{name},{len(name)}\n" for name in IMAGES)
    assert "hue" in load_data(f"folder:{receive(zipped({**IMAGES, 'attributes.csv': table.encode()})).path}").train.attributes


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".gif", ".webp"])
def test_an_image_is_known_by_what_it_holds(receive: Receive, ending: str) -> None:
    got = receive(picture(form=ENDINGS[ending]), "picture.exe")
    assert (got.kind, got.path.suffix) == ("images", ending)


def test_arrays_are_taken_in_and_load(receive: Receive) -> None:
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    got = receive(numbers(images=images, labels=labels, classes=np.array(["a", "b"])), "data")
    assert got.kind == "npz"
    assert load_data(f"npz:{got.path}").classes == ("a", "b")


def test_an_adapter_as_peft_saves_it_is_taken_in(receive: Receive) -> None:
    config = json.dumps({"peft_type": "LORA", "auto_mapping": None}).encode()
    got = receive(zipped({"adapter_config.json": config, "adapter_model.safetensors": adapter(), "README.md": b"# Hello"}))
    assert got.kind == "adapter"
    assert (got.path / "adapter_config.json").read_bytes() == config


def test_ids_are_random_and_names_never_make_a_path(receive: Receive, folder: Path) -> None:
    first, second = (receive(adapter(), "../../../etc/passwd") for _ in range(2))
    assert first.id != second.id
    assert first.name == "passwd"
    assert {path.name for path in folder.iterdir()} == {first.id, second.id}


def test_uploads_are_found_again_by_id_and_removed(receive: Receive, folder: Path) -> None:
    got = [receive(adapter(), name) for name in ("a", "b")]
    uploads = Uploads(folder)
    assert uploads.get(got[0].id) == got[0]
    assert uploads.all() == tuple(got)
    uploads.remove(got[0].id)
    assert uploads.all() == (got[1],)
    assert not list(folder.glob(".*"))
    with refuses(Refusal, "no upload", "again"):
        uploads.get(got[0].id)


@pytest.mark.parametrize("upload", ["..", "%2e%2e", "a/b", "a\\b", ".new-x", "", "a\0"])
def test_what_is_no_id_is_not_looked_up(folder: Path, upload: str) -> None:
    for act in (Uploads(folder).get, Uploads(folder).remove):
        with refuses(Refusal, "is no id"):
            act(upload)


def test_a_damaged_record_is_told_and_left_out_of_the_list(receive: Receive, folder: Path) -> None:
    got = receive(adapter())
    (folder / got.id / "upload.json").write_text("{}")
    assert Uploads(folder).all() == ()
    with refuses(StoreError, "cannot be read", "again"):
        Uploads(folder).get(got.id)


def test_nothing_is_no_upload(refused: Callable[..., str]) -> None:
    assert "empty" in refused(b"")


def test_a_stream_is_cut_off_where_it_is_too_much(folder: Path) -> None:
    taken = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(1_000)

    with pytest.raises(Refusal, match="more than 10000 bytes") as caught:
        asyncio.run(Uploads(folder, UploadLimits(bytes=10_000)).receive("x", endless()))
    assert caught.value.status == 413
    assert len(taken) == 11
    assert not list(folder.iterdir())


def test_a_full_folder_takes_no_more(receive: Receive) -> None:
    receive(adapter())
    with pytest.raises(Refusal, match="Remove some") as caught:
        receive(adapter(), folder_bytes=2 * len(adapter()))
    assert caught.value.status == 507


def test_a_client_that_leaves_leaves_nothing(folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield adapter()[:50]
        raise ConnectionResetError

    with pytest.raises(StoreError):
        asyncio.run(Uploads(folder).receive("x", broken()))
    assert not list(folder.iterdir())


def test_what_is_cut_off_by_death_is_swept_later(folder: Path) -> None:
    (folder / ".new-abc").mkdir(parents=True)
    assert Uploads(folder).sweep() == 0
    os.utime(folder / ".new-abc", (time.time() - 90_000,) * 2)
    assert Uploads(folder).sweep() == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_whichever_write_fails_nothing_is_left(folder: Path, lasting: bool) -> None:
    folder.mkdir()
    for failing in range(1, 40):
        with faulty(failing, lasting=lasting) as disk:
            outcome = taken(folder)
        if not disk.failed:
            break
        assert "cannot write" in outcome or whole(folder)  # some calls may fail, such as making a folder that is there
        assert not outcome or not list(folder.iterdir())
        for got in Uploads(folder).all():
            Uploads(folder).remove(got.id)
    assert failing > 4
    assert outcome == ""


def whole(folder: Path) -> bool:
    """Whether there is one upload, as it was sent, and nothing else."""
    (only,) = folder.iterdir()
    return Uploads(folder).get(only.name).path.read_bytes() == adapter()


def taken(folder: Path) -> str:
    """What an upload ends with: the error's words, or nothing."""
    try:
        asyncio.run(Uploads(folder).receive("x", pieces(adapter())))
    except StoreError as error:
        return str(error)
    return ""
