"""What is not taken in: pickles under any name, archives that reach out or swell, headers that lie. Nothing of it is left."""

from __future__ import annotations

import json
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from lorasteer.errors import DataError, WeightsError
from lorasteer.web.uploads import Received, UploadLimits
from lorasteer.web.uploads.foreign import is_pickle
from lorasteer.web.uploads.pictures import check_picture
from lorasteer.web.uploads.tensors import check_safetensors
from tests.support.errors import refuses
from tests.web.uploads.made import (
    adapter,
    base_files,
    numbers,
    pickled,
    picture,
    picture_of,
    renamed,
    safetensors,
    zipped,
)

Refused = Callable[..., str]
ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


# Pickles


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["a.safetensors", "model.pt", "pytorch_model.bin", "image.png", "data.npz", "base.zip", "x"])
def test_a_pickle_is_refused_under_any_name(refused: Refused, tmp_path: Path, protocol: int, name: str) -> None:
    trace = tmp_path / "trace"
    assert "pickle" in refused(pickled(trace, protocol), name)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["adapter.safetensors", "model.pt", "images.zip"])
def test_what_torch_saves_is_refused(refused: Refused, name: str) -> None:
    saved = BytesIO()
    torch.save({"a": torch.ones(2)}, saved)
    message = refused(saved.getvalue(), name)
    assert "pickle" in message
    assert "save_file" in message


def test_what_torch_saved_long_ago_is_refused(refused: Refused) -> None:
    saved = BytesIO()
    torch.save({"a": torch.ones(2)}, saved, _use_new_zipfile_serialization=False)
    assert "pickle" in refused(saved.getvalue(), "model.safetensors")


def test_a_pickle_in_an_array_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "pickle" in refused(numbers(x=np.array([{"a": 1}], dtype=object)))
    assert "pickle" in refused(zipped({"x.npy": pickled(tmp_path / "trace")}))


@pytest.mark.parametrize("name", ["cat/0.pkl", "cat/0.bin", "base.pt"])
def test_a_pickle_in_an_archive_is_refused(refused: Refused, tmp_path: Path, name: str) -> None:
    assert "pickle" in refused(zipped({"cat/1.png": picture(), name: pickled(tmp_path / "trace")}))


def test_a_pickle_called_an_image_in_an_archive_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "cannot be decoded" in refused(zipped({"cat/0.png": pickled(tmp_path / "trace")}))
    assert not (tmp_path / "trace").exists()


def test_the_mark_of_a_pickle_is_enough() -> None:
    assert is_pickle(b"\x80\x04" + b"\xff" * 20)


@pytest.mark.parametrize("start", [b"", b".", b"hello", b"file,hue\n", picture()[:512], adapter()[:512], b"\x80\x00", b"\x80"])
def test_other_bytes_are_not_called_a_pickle(start: bytes) -> None:
    assert not is_pickle(start)


@pytest.mark.parametrize(
    "content", [b"#!/bin/sh\n", b"\x7fELF", b"<html><script>", b"%PDF-1.7", b"MZ\x90", b"\x00" * 100, b"\x1f\x8b\x08"]
)
def test_other_kinds_are_refused_with_what_is_allowed(refused: Refused, content: bytes) -> None:
    assert "safetensors" in refused(content, "x.png")


# Archives that reach out


@pytest.mark.parametrize(
    "name",
    ["../x.png", "a/../../x.png", "/x.png", "//x.png", "a//x.png", "./x.png", "a/./x.png", "..\\x.png", "a\\x.png", "C:x.png",
     "C:/x.png", "con/x.png", "a/NUL.png", "a/com1.png", "a /x.png", "a./x.png", "a/x.png.", "a/x\n.png", "a/\u202ex.png",
     "\u2025/x.png", "\uff0e\uff0e/x.png", "a/x\uff0fy.png", "a/x*.png", "a/" * 9 + "x.png", "a" * 300 + "/x.png",
     "a/x.png:y.png"],
)  # fmt: skip
def test_a_member_that_leads_elsewhere_is_refused(refused: Refused, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert "allowed are plain names" in refused(zipped({"cat/1.png": picture(), name: picture()}))
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "uploads"] == before


def test_a_member_with_a_zero_byte_is_refused(refused: Refused) -> None:
    archive = renamed(zipped({"cat/1.png": picture(), "cat/2@.png": picture()}), "cat/2@.png", "cat/2\0.png")
    assert "control character" in refused(archive)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device_is_refused(refused: Refused, kind: int) -> None:
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        member = zipfile.ZipInfo("cat/0.png")
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    assert "link or a device" in refused(whole.getvalue())


@pytest.mark.parametrize(("first", "second"), [("cat/1.png", "cat/1.png"), ("cat/A.png", "cat/a.png"), ("cat", "cat/a.png"),
                                               ("cat/\u00e9.png", "cat/e\u0301.png")])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(refused: Refused, first: str, second: str) -> None:
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(first, picture())
        archive.writestr(second, picture())
    assert "of one name" in refused(whole.getvalue())


@pytest.mark.parametrize("other", ["inner.zip", "run.exe", "page.html", "a.svg", "base.py"])
def test_other_files_in_an_archive_are_refused(refused: Refused, other: str) -> None:
    assert other in refused(zipped({"cat/1.png": picture(), other: zipped({"a": b"x"})}))


def test_an_encrypted_or_unusual_archive_is_refused(refused: Refused) -> None:
    plain = bytearray(zipped({"cat/1.png": picture()}))
    plain[plain.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(plain))
    assert "method" in refused(zipped({"cat/1.png": picture()}, zipfile.ZIP_LZMA))


@pytest.mark.parametrize("cut", [5, 30, 100])
def test_half_an_archive_is_refused(refused: Refused, cut: int) -> None:
    whole = zipped({"cat/1.png": picture(), "dog/1.png": picture()})
    refused(whole[:-cut])
    refused(whole[: len(whole) // 2])


def test_an_archive_with_a_flipped_byte_is_refused(refused: Refused) -> None:
    whole = bytearray(zipped({"cat/1.bmp": bytes(picture(form="BMP"))}, zipfile.ZIP_STORED))
    whole[whole.index(b"BM") + 90] ^= 1
    assert "cannot be unpacked" in refused(bytes(whole))


# Archives that swell


def test_a_bomb_is_refused_by_what_comes_out(refused: Refused) -> None:
    bomb = zipped({"cat/1.png": bytes(20_000_000)})
    assert len(bomb) < 25_000
    assert "more than 100 times" in refused(bomb)


def test_a_bomb_that_lies_about_its_size_is_refused(refused: Refused) -> None:
    bomb = zipped({"cat/1.png": bytes(20_000_000)})
    lying = bomb.replace(struct.pack("<I", 20_000_000), struct.pack("<I", 10))
    assert lying != bomb
    assert "cannot be unpacked" in refused(lying)


def test_a_bomb_of_arrays_is_refused(refused: Refused) -> None:
    whole = BytesIO()
    np.savez_compressed(whole, images=np.zeros((25_000, 32, 32), np.uint8))
    assert "more than 100 times" in refused(whole.getvalue())


def test_too_many_and_too_large_members_are_refused(refused: Refused) -> None:
    many = zipped({f"cat/{row}.png": picture() for row in range(6)})
    assert "allowed are 5" in refused(many, members=5)
    assert "unpacks to more than 50 bytes" in refused(many, member_bytes=50)
    assert "unpacks to more than 200 bytes" in refused(many, unpacked_bytes=200)


def test_a_list_of_members_that_lies_about_its_length_is_refused(refused: Refused) -> None:
    """It is refused by its size, before any of it is read into memory."""
    whole = bytearray(zipped({f"{'cat' * 80}/{row}.png": picture() for row in range(6)}))
    end = whole.rindex(b"PK\x05\x06")
    whole[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    assert "lists 1 files in" in refused(bytes(whole), members=5)


# Arrays


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + content


@pytest.mark.parametrize(
    ("header", "word"),
    [("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", "its header says"),
     ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "its header says"),
     ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "pickle"),
     ("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2,), }", "pickle"),
     ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "of type"),
     ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }", "of type"),
     ("__import__('os')", "cannot be read"), ("(" * 3_000, "cannot be read"), ("{" + " " * 20_000 + "}", "cannot be read")],
    ids=str,
)  # fmt: skip
def test_an_array_whose_header_lies_is_refused(refused: Refused, header: str, word: str) -> None:
    assert word in refused(zipped({"x.npy": npy(header, b"12345678")}))


def test_what_is_no_array_and_another_version_are_refused(refused: Refused) -> None:
    assert "no array" in refused(zipped({"x.npy": b"hello"}))
    assert "version 9.0" in refused(zipped({"x.npy": npy("{}", version=b"\x09\x00")}))


# Safetensors


@pytest.mark.parametrize(
    ("content", "word"),
    [(safetensors({"a": ONE}, b"1234567"), "cut short"), (safetensors({"a": ONE}, b"123456789"), "cut short"),
     (safetensors({"a": {**ONE, "data_offsets": [0, 2**40]}}, bytes(8)), "cannot be"),
     (safetensors({"a": {**ONE, "shape": [2**40], "data_offsets": [0, 2**42]}}, bytes(8)), "cut short"),
     (safetensors({"a": {**ONE, "shape": [-2]}}, bytes(8)), "cannot be"),
     (safetensors({"a": {**ONE, "shape": [True]}}), "cannot be"),
     (safetensors({"a": {**ONE, "dtype": "O"}}, bytes(8)), "cannot be"),
     (safetensors({"a": {**ONE, "more": 1}}, bytes(8)), "cannot be"),
     (safetensors({"a": ONE, "b": ONE}, bytes(8)), "overlap"),
     (safetensors({"a": {**ONE, "data_offsets": [8, 16]}}, bytes(16)), "gap"),
     (safetensors({"a": [1]}), "cannot be"), (safetensors(b"{'a'}"), "not JSON"), (safetensors(b'{"a":1,"a":2}'), "twice"),
     (safetensors(b"{" * 50_000), "not JSON"), (safetensors({"__metadata__": {"a": 1}}), "not text"),
     (safetensors(b"{}", length=2**62), "header of"), (safetensors(b"{}", length=9_000_000), "header of")],
)  # fmt: skip
def test_a_header_that_lies_is_refused(refused: Refused, content: bytes, word: str) -> None:
    assert word in refused(content, "a.safetensors")


def test_a_huge_header_is_refused(refused: Refused) -> None:
    header = b"{" + b" " * 8_000_001 + b"}"
    assert "at most 8000000" in refused(safetensors(header))


def test_a_sparse_file_of_ten_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.safetensors"
    path.write_bytes(safetensors({"a": ONE}, bytes(8)))
    os.truncate(path, 10 * 2**30)
    with refuses(WeightsError, "holds 107374", "cut short"):
        check_safetensors(path, "sparse", UploadLimits())


# Images


@pytest.mark.parametrize(("width", "height"), [(5_000, 5_000), (12_000, 9_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_that_claims_too_many_pixels_is_refused(refused: Refused, width: int, height: int) -> None:
    bomb = picture_of(width, height)
    assert len(bomb) < 200
    message = refused(bomb)
    assert "pixels" in message or "too large" in message
    assert "image" in refused(zipped({"cat/1.png": bomb}))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF"])
def test_half_an_image_is_refused(refused: Refused, form: str) -> None:
    whole = picture((64, 64), form)
    assert "cannot be decoded" in refused(whole[: len(whole) // 2])


@pytest.mark.parametrize("form", ["PCX", "ICO", "TGA", "PDF"])
def test_a_format_that_nobody_needs_is_not_decoded(tmp_path: Path, form: str) -> None:
    (tmp_path / "x.png").write_bytes(picture((16, 16), form))
    with refuses(DataError, "cannot be decoded"):
        check_picture(tmp_path / "x.png", "x.png", UploadLimits())


def test_an_archive_of_a_table_alone_is_refused(refused: Refused) -> None:
    assert "no image" in refused(zipped({"attributes.csv": b"file\n"}))


# Bases and adapters


@pytest.mark.parametrize(
    "changed",
    [{"model": "subprocess:check_output"}, {"model": "factory", "options": {"location": "os:system"}},
     {"model": "factory:os:system"}, {"model": "hub:owner/name"}, {"model": "owner/name"}, {"model": "/etc"},
     {"model": "nothing"}],
    ids=lambda changed: str(changed["model"]),
)  # fmt: skip
def test_a_base_that_names_code_or_files_elsewhere_is_refused(
    refused: Refused, tmp_path: Path, changed: dict[str, object]
) -> None:
    assert "lies outside the upload" in refused(zipped(base_files(tmp_path / "base", **changed)))


@pytest.mark.parametrize(
    "changed",
    [{"classes": [str(n) for n in range(50_000)]}, {"shape": [3, 100_000, 100_000]}, {"shape": [1, 9, 8]}, {"shape": [-1, 0, 2]},
     {"options": {"width": 10**12}}, {"options": {"nothing": 1}}, {"extra": 1}, {"model": "cnn"}, {"model": None}],
    ids=lambda changed: str(changed)[:40],
)  # fmt: skip
def test_a_base_whose_record_does_not_fit_its_tensors_is_refused(
    refused: Refused, tmp_path: Path, changed: dict[str, object]
) -> None:
    refused(zipped(base_files(tmp_path / "base", **changed)))


@pytest.mark.parametrize("left_out", ["base.json", "model.safetensors"])
def test_half_a_base_is_refused(refused: Refused, tmp_path: Path, left_out: str) -> None:
    files = base_files(tmp_path / "base")
    del files[left_out]
    assert left_out in refused(zipped(files))


def test_a_base_with_anything_else_in_it_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "'evil.py'" in refused(zipped({**base_files(tmp_path / "base"), "evil.py": b""}))


@pytest.mark.parametrize(
    ("config", "word"),
    [({"peft_type": "LORA", "auto_mapping": {"base_model_class": "system", "parent_library": "os"}}, "names Python"),
     ({"peft_type": "X"}, "no LoRA"), ([], "no LoRA"), (None, "no LoRA")],
)  # fmt: skip
def test_an_adapter_that_names_code_is_refused(refused: Refused, config: object, word: str) -> None:
    files = {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": adapter()}
    assert word in refused(zipped(files))


def test_an_adapter_with_a_broken_or_long_configuration_is_refused(refused: Refused) -> None:
    for config, word in ((b"{", "not JSON"), (b"\xff\xfe{", "UTF-8"), (b" " * 1_000_001, "of 1000001 bytes")):
        assert word in refused(zipped({"adapter_config.json": config, "adapter_model.safetensors": adapter()}))


def test_a_sound_upload_beside_all_these_is_taken(receive: Callable[..., Received]) -> None:
    assert receive(safetensors({"a": ONE, "empty": {**ONE, "shape": [0], "data_offsets": [0, 0]}}, bytes(8))).kind == "adapter"
