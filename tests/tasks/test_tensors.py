"""Files of tensors: digests that see everything, writes that happen whole or not at all, and refusals in one line."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from lorasteer.errors import StoreError, WeightsError
from lorasteer.tasks.tensors import (
    copy_structure,
    digest_of,
    file_digest,
    read_tensors,
    replacing,
    replacing_folder,
    write_tensors,
    write_text,
)
from tests.support.errors import refuses

SOME = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, -2]), "c": torch.tensor(3.0)}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and first[name].equal(second[name]) for name in first
    )


def full_disk(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Let one system call fail as it does when no space is left."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where: dict[str, tuple[Any, str]] = {
        "make": (os, "open"), "fsync": (os, "fsync"), "rename": (Path, "replace"), "write": (Path, "write_text")
    }  # fmt: skip
    monkeypatch.setattr(*where[call], fail)


@pytest.mark.parametrize(
    "other",
    [
        {**SOME, "a": SOME["a"] + 1e-7},
        {**SOME, "a": SOME["a"].reshape(3, 2)},
        {**SOME, "a": SOME["a"].double()},
        {"A" if name == "a" else name: tensor for name, tensor in SOME.items()},
        {name: tensor for name, tensor in SOME.items() if name != "c"},
        {**SOME, "d": torch.empty(0)},
        {**SOME, "c": torch.tensor(-0.0)},
    ],
    ids=["value", "shape", "type", "name", "missing", "empty", "scalar"],
)
def test_the_digest_sees_every_difference(other: dict[str, Tensor]) -> None:
    assert digest_of(other) != digest_of(SOME)


def test_the_digest_sees_the_sign_of_zero_and_the_extra_text_but_not_order_or_layout() -> None:
    assert digest_of({"z": torch.tensor([0.0])}) != digest_of({"z": torch.tensor([-0.0])})
    assert digest_of(SOME, extra="rank 8") != digest_of(SOME)
    assert digest_of(dict(reversed(SOME.items()))) == digest_of(SOME)
    turned = {**SOME, "a": SOME["a"].t().contiguous().t()}
    assert not turned["a"].is_contiguous()
    assert digest_of(turned) == digest_of(SOME)


def test_names_and_bytes_cannot_run_into_each_other() -> None:
    first = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}
    second = {"a": torch.tensor([1.0, 2.0])}
    assert digest_of(first) != digest_of(second)


@given(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.uint8]), st.integers(0, 3))
def test_what_is_written_is_read(dtype: torch.dtype, dimensions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "x.safetensors"
        tensors = {"x": torch.ones([2] * dimensions).to(dtype)}
        write_tensors(path, tensors, metadata={"note": "é"})
        back, metadata = read_tensors(path)
        assert equal(back, tensors)
        assert metadata == {"note": "é"}


def test_shared_and_turned_tensors_are_written_whole(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    tensors = {"all": whole, "part": whole[2:4], "turned": whole.reshape(2, 3).t()}
    write_tensors(tmp_path / "x.safetensors", tensors)
    assert equal(read_tensors(tmp_path / "x.safetensors")[0], tensors)


@pytest.mark.parametrize("call", ["make", "fsync", "rename"])
def test_a_full_disk_leaves_the_old_file_and_no_other(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, SOME)
    before = file_digest(path)
    with monkeypatch.context() as patch:
        full_disk(patch, call)
        with refuses(StoreError, str(path), "No space left"):
            write_tensors(path, {"a": torch.zeros(3)})
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert file_digest(path) == before


def test_a_full_disk_while_the_numbers_are_written(tmp_path: Path) -> None:
    """A real one where there is one: /dev/full takes nothing."""
    path = tmp_path / "x.txt"
    write_text(path, "old")
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with refuses(StoreError, str(path), "No space left"), replacing(path), open("/dev/full", "w") as file:  # noqa: PTH123
        file.write("new")
        file.flush()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("call", ["make", "fsync", "rename", "write"])
def test_text_is_written_whole_or_not_at_all(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_text(path, "old")
    with monkeypatch.context() as patch:
        full_disk(patch, call)
        with refuses(StoreError, str(path)):
            write_text(path, "new")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with refuses(StoreError, "file"):
        write_tensors(tmp_path / "file" / "x.safetensors", SOME)
    with refuses(StoreError, "file"), replacing_folder(tmp_path / "file" / "x"):
        pass


def test_an_error_inside_the_block_is_passed_on_and_leaves_nothing(tmp_path: Path) -> None:
    for place in (replacing, replacing_folder):
        with pytest.raises(ValueError, match="mine"), place(tmp_path / "x"):
            raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("nth", [1, 2])
def test_a_folder_is_replaced_whole_or_kept(nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rename takes the old folder aside, the second puts the new one in its place; either may fail."""
    path = tmp_path / "folder"
    with replacing_folder(path) as new:
        (new / "a").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing_once(Path.rename, nth))
        with refuses(StoreError, str(path)), replacing_folder(path) as new:
            (new / "a").write_text("new")
    assert (path / "a").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    with replacing_folder(path) as new:
        (new / "b").write_text("newer")
    assert [entry.name for entry in path.iterdir()] == ["b"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def failing_once(real: Callable[..., Any], nth: int) -> Callable[..., Any]:
    """The function, but its nth call finds the disk full."""
    count = [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    return call


def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path) -> None:
    for number, zipped in enumerate((True, False)):
        path = tmp_path / f"{number}.safetensors"
        torch.save(SOME, path, _use_new_zipfile_serialization=zipped)
        with refuses(WeightsError, str(path), "is a pickle", "only safetensors is read"):
            read_tensors(path)
    plain = tmp_path / "plain.safetensors"
    plain.write_bytes(pickle.dumps({"a": 1}))
    with refuses(WeightsError, "is a pickle"):
        read_tensors(plain)


def test_a_header_as_long_as_a_pickles_first_byte_is_still_safetensors(tmp_path: Path) -> None:
    """A header of 128 = 0x80 bytes starts with the byte that pickles start with."""
    for extra in range(200):
        path = tmp_path / "x.safetensors"
        save_file({"a": torch.zeros(1)}, path, metadata={"note": "x" * extra})
        if path.read_bytes()[:1] == b"\x80":
            assert equal(read_tensors(path)[0], {"a": torch.zeros(1)})
            return
    raise AssertionError("no header of 128 bytes was made")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_one_line(share: float, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, SOME)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with refuses(WeightsError, str(path)):
        read_tensors(path)


def test_a_missing_file_and_a_text_file_are_one_line(tmp_path: Path) -> None:
    with refuses(WeightsError, "no weight file at"):
        read_tensors(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("a long enough text that is nothing of the kind")
    with refuses(WeightsError, "not a safetensors file"):
        read_tensors(tmp_path / "text.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused_by_the_tensors_name(value: float, tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", {"fine": torch.zeros(2), "fc.weight": torch.tensor([0.0, value])})
    with refuses(WeightsError, "'fc.weight'", "NaN or infinity"):
        read_tensors(tmp_path / "x.safetensors")


def test_a_copied_structure_shares_every_number_and_no_module() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).train()
    model[1].register_buffer("tied", model[1].running_mean)
    twin = copy_structure(model)
    own, shared = dict(model.state_dict(keep_vars=True)), dict(twin.state_dict(keep_vars=True))
    assert own.keys() == shared.keys()
    assert all(own[name] is shared[name] for name in own)
    assert not set(model.modules()) & set(twin.modules())
    assert model.training
    assert not twin.training
