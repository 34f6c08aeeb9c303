"""Classifiers in the layout of transformers, from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.models import build_model
from lorasteer.tasks.vision.models.hub import hub_preprocess
from tests.support.errors import refuses
from tests.support.models import save_tiny_vit

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture
def copy(vit: Path, tmp_path: Path) -> Path:
    for file in vit.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_a_folder_gives_the_saved_weights_each_time(vit: Path) -> None:
    first, again = build_model(str(vit), 3, SHAPE), build_model(f"hub:{vit}", 3, SHAPE)
    # transformers renames tensors when it saves, so the numbers are compared as a collection
    saved = sorted(tensor.numpy().tobytes() for tensor in load_file(vit / "model.safetensors").values())
    assert sorted(tensor.numpy().tobytes() for tensor in first.state_dict().values()) == saved
    pixels = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    assert logits_of(first(pixels)).equal(logits_of(again(pixels)))


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (32, 3)])
def test_larger_and_colour_images(tmp_path: Path, size: int, channels: int) -> None:
    folder = save_tiny_vit(tmp_path, classes=5, image_size=size, channels=channels)
    assert build_model(str(folder), 5, (channels, size, size)).config.num_labels == 5  # type: ignore[union-attr]


def test_images_of_another_size(vit: Path) -> None:
    with refuses(PlanError, "does not take images of 1x16x16", "8*8"):
        build_model(str(vit), 3, (1, 16, 16))


def test_images_with_other_channels(vit: Path) -> None:
    with refuses(PlanError, "does not take images of 3x8x8"):
        build_model(str(vit), 3, (3, 8, 8))


def test_other_classes_need_a_new_head(vit: Path) -> None:
    with refuses(PlanError, "has 3 classes, the data has 4", "new_head=true"):
        build_model(str(vit), 4, SHAPE)
    model = build_model(str(vit), 4, SHAPE, new_head="true")
    old, new = build_model(str(vit), 3, SHAPE).state_dict(), model.state_dict()
    assert {name for name in new if not new[name].equal(old[name])} == {"classifier.weight", "classifier.bias"}


def test_loading_says_nothing(vit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_model(str(vit), 4, SHAPE, new_head=True)
    assert capfd.readouterr() == ("", "")


def test_pickled_folder(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with refuses(WeightsError, "pytorch_model.bin", "pickle", "safetensors"):
        build_model(str(copy), 3, SHAPE)


def test_missing_tensor_is_not_filled_with_random_numbers(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    del tensors["classifier.weight"]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with refuses(WeightsError, "lacks 1 of its weights", "'classifier.weight'"):
        build_model(str(copy), 3, SHAPE)


def test_truncated_folder(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with refuses(WeightsError, "cannot be loaded"):
        build_model(str(copy), 3, SHAPE)


def test_folder_without_a_model(tmp_path: Path) -> None:
    with refuses(WeightsError, "cannot be loaded", "save_pretrained"):
        build_model(str(tmp_path), 3, SHAPE)


def test_id_that_cannot_be_reached() -> None:
    with refuses(WeightsError, "'nobody/no-such-model' cannot be loaded", "connection"):
        build_model("nobody/no-such-model", 3, SHAPE)


@pytest.mark.parametrize(
    ("stated", "mean", "std"),
    [
        ({"image_mean": [0.5], "image_std": [0.25]}, 0.5, 0.25),
        ({"image_mean": [127.5], "image_std": [51.0], "do_rescale": False}, 0.5, 0.2),
        ({"image_mean": [0.0], "image_std": [0.5], "rescale_factor": 2 / 255}, 0.0, 0.25),
        ({"image_mean": [0.5], "image_std": [0.25], "do_normalize": False}, 0.0, 1.0),
    ],
)
def test_stated_preprocessing_in_our_units(tmp_path: Path, stated: dict[str, object], mean: float, std: float) -> None:
    """Without rescaling a byte b becomes (b - 127.5) / 51 = (b / 255 - 0.5) / 0.2; the others likewise."""
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(stated))
    found = hub_preprocess(str(tmp_path))
    assert found is not None
    assert (found.mean[0], found.std[0]) == pytest.approx((mean, std))


def test_nothing_stated(tmp_path: Path) -> None:
    assert hub_preprocess(str(tmp_path)) is None
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert hub_preprocess(str(tmp_path)) is None


def test_damaged_statement(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5')
    with refuses(WeightsError, "preprocessor_config.json", "JSON"):
        hub_preprocess(str(tmp_path))
