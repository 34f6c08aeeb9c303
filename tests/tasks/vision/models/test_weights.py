"""Weights load strictly or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lorasteer.errors import WeightsError
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.models import build_model, load_weights
from lorasteer.tasks.vision.pixels import to_pixels
from tests.support.cifar import RESNET20_PREPROCESS, load_cifar10
from tests.support.errors import refuses


def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("mlp", 3, (1, 2, 2), width=4)


def other_tensors() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return build_model("mlp", 3, (1, 2, 2), width=4).state_dict()


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file(tensors, path)
    return path


def test_all_tensors_arrive(tmp_path: Path) -> None:
    model, wanted = network(), other_tensors()
    load_weights(model, write(tmp_path / "model.safetensors", wanted))
    assert all(tensor.equal(wanted[name]) for name, tensor in model.state_dict().items())


def test_lower_precision_is_widened(tmp_path: Path) -> None:
    model, wanted = network(), {name: tensor.bfloat16() for name, tensor in other_tensors().items()}
    load_weights(model, write(tmp_path / "model.safetensors", wanted))
    assert model.fc1.weight.dtype == torch.float32  # type: ignore[union-attr]
    assert model.fc1.weight.equal(wanted["fc1.weight"].float())  # type: ignore[union-attr, operator]


def test_header_length_that_looks_like_a_pickle(tmp_path: Path) -> None:
    """A header of 0x80 = 128 bytes begins with the same byte as a pickle; it is still safetensors."""
    one = nn.Module()
    one.register_buffer("a", torch.zeros(1))
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(128)
    path = tmp_path / "model.safetensors"
    path.write_bytes((128).to_bytes(8, "little") + header + np.float32(2.5).tobytes())
    load_weights(one, path)
    assert one.a.item() == 2.5  # type: ignore[operator, union-attr]


def test_a_tied_tensor_may_be_left_out(tmp_path: Path) -> None:
    model = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    model["b"].weight = model["a"].weight
    tensors = {name: torch.ones_like(tensor) for name, tensor in model.state_dict().items() if name != "b.weight"}
    load_weights(model, write(tmp_path / "model.safetensors", tensors))
    assert model["b"].weight.equal(torch.ones(2, 2))  # type: ignore[operator, union-attr]


def _without_one(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name != "fc2.bias"}


def _poisoned(value: float) -> dict[str, Tensor]:
    tensors = other_tensors()
    tensors["fc2.weight"][1, 2] = value
    return tensors


REFUSED = {
    "missing": (_without_one(other_tensors()), ("lacks 1", "'fc2.bias'")),
    "unexpected": ({**other_tensors(), "fc9.bias": torch.zeros(1)}, ("has 1", "'fc9.bias'")),
    "renamed": ({f"net.{name}": tensor for name, tensor in other_tensors().items()}, ("lacks 6", "has 6", "'net.fc1.bias'")),
    "shape": ({**other_tensors(), "fc1.bias": torch.zeros(5)}, ("'fc1.bias'", "[5]", "[4]")),
    "scalar": ({**other_tensors(), "fc1.bias": torch.zeros(())}, ("'fc1.bias'", "shape []")),
    "whole numbers": ({**other_tensors(), "fc1.bias": torch.zeros(4, dtype=torch.int64)}, ("'fc1.bias'", "int64", "float32")),
    "NaN": (_poisoned(float("nan")), ("'fc2.weight'", "1 of 16", "NaN")),
    "infinity": (_poisoned(float("-inf")), ("'fc2.weight'", "1 of 16", "infinite")),
    "empty": ({}, ("lacks 6",)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_and_the_model_is_as_it_was(tmp_path: Path, what: str) -> None:
    tensors, words = REFUSED[what]
    model = network()
    with refuses(WeightsError, *words):
        load_weights(model, write(tmp_path / "model.safetensors", tensors))
    assert all(tensor.equal(network().state_dict()[name]) for name, tensor in model.state_dict().items())


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with refuses(WeightsError, "does not exist"):
        load_weights(network(), tmp_path / "model.safetensors")
    with refuses(WeightsError, "is a folder"):
        load_weights(network(), tmp_path)


class Trap:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "weights"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_pickle_is_refused_unread(tmp_path: Path, name: str, protocol: int) -> None:
    path, sprung = tmp_path / name, tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung), protocol))
    with refuses(WeightsError, "pickle", "safetensors"):
        load_weights(network(), path)
    assert not sprung.exists()


def test_torch_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save(other_tensors(), path)
    with refuses(WeightsError, "pickle"):
        load_weights(network(), path)


@pytest.mark.parametrize("name", ["m.bin", "m.pt", "m.pth", "m.ckpt", "m.PKL"])
def test_names_of_pickles_are_refused(tmp_path: Path, name: str) -> None:
    with refuses(WeightsError, "pickle"):
        load_weights(network(), write(tmp_path / name, other_tensors()))


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_cut_short(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "model.safetensors", other_tensors())
    path.write_bytes(path.read_bytes()[:cut])
    with refuses(WeightsError, "cut short"):
        load_weights(network(), path)


@pytest.mark.parametrize("content", [b"\xff" * 64, b"plain text, not weights", (2).to_bytes(8, "little") + b"{]"])
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with refuses(WeightsError, "not safetensors"):
        load_weights(network(), path)


@pytest.mark.realdata
def test_published_resnet20_is_as_accurate_as_published(shared_data: Path) -> None:
    """91.73 % on 10,000 test images; on the first 1,000 the standard error is 0.9 point, so 0.917 +- 0.02."""
    model = build_model("resnet20", 10, (3, 32, 32)).eval()
    load_weights(model, shared_data / "weights" / "cifar10_resnet20.safetensors")
    test = load_cifar10(shared_data / "cifar10", train_sheets=1, test_sheets=1).test
    with torch.no_grad():
        logits = logits_of(model(to_pixels(test.images, RESNET20_PREPROCESS)))
    accuracy = (logits.argmax(1).numpy() == test.labels).mean()
    assert accuracy == pytest.approx(0.917, abs=0.02)
