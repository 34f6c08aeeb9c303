"""The networks: sizes worked by hand, names of layers, and which images they take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lorasteer.errors import PlanError
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.models import MODELS, build_model
from lorasteer.tasks.vision.models.resnet20 import Block
from tests.support.errors import refuses

PLAIN = sorted(name for name in MODELS.names() if name not in {"hub", "factory"})


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_paper_cnn_by_hand() -> None:
    """conv1 32*9+32 = 320; conv2 64*32*9+64 = 18,496; fc1 64*7*7*128+128 = 401,536; fc2 1,290: 421,642 in all."""
    model = build_model("paper-cnn", 10, (1, 28, 28))
    assert [name for name, _ in model.named_children()] == ["conv1", "conv2", "fc1", "fc2"]
    assert parameters(model) == 421_642
    assert f"{parameters(model):,}" in MODELS["paper-cnn"]["params"]


def test_mlp_by_hand() -> None:
    """64*64+64 = 4,160, twice; 64*10+10 = 650: 8,970 in all."""
    assert parameters(build_model("mlp", 10, (1, 8, 8))) == 8_970
    assert "8,970" in MODELS["mlp"]["params"]
    assert build_model("mlp", 10, (1, 8, 8), width="7").fc1.out_features == 7  # type: ignore[union-attr]


def test_resnet20_has_the_published_size_and_names() -> None:
    model = build_model("resnet20", 10, (3, 32, 32))
    assert parameters(model) == 269_722
    names = set(model.state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "linear.weight"} <= names
    assert not any("shortcut" in name for name in names)


def test_shortcut_takes_every_second_pixel_and_adds_empty_channels() -> None:
    """With both convolutions silenced a block returns its shortcut: channels 0 and 3 of 4 are new and 0."""
    block = Block(2, 4).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.arange(32.0).view(1, 2, 4, 4)
    out = block(x)
    assert out[0, 1].equal(torch.tensor([[0.0, 2.0], [8.0, 10.0]]))
    assert out[0, 2].equal(torch.tensor([[16.0, 18.0], [24.0, 26.0]]))
    assert not out[0, [0, 3]].any()


def test_resnet18_has_the_classifier_of_the_paper() -> None:
    """A plain ResNet-18 body has 11,176,512 parameters; 512*256+256 + 256*10+10 = 133,898 more make 11,310,410."""
    model = build_model("resnet18", 10, (3, 32, 32))
    assert parameters(model) == 11_310_410
    shapes = [tuple(layer.weight.shape) for layer in model.classifier if isinstance(layer, nn.Linear)]  # type: ignore[union-attr]
    assert shapes == [(256, 512), (10, 256)]
    assert model.config.num_labels == 10  # type: ignore[union-attr]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(("classes", "shape"), [(2, (1, 8, 8)), (5, (3, 32, 24))])
def test_every_model_takes_any_usual_shape(name: str, classes: int, shape: tuple[int, int, int]) -> None:
    model = build_model(name, classes, shape).eval()
    pixels = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = logits_of(model(pixels))
    assert logits.shape == (2, classes)
    assert torch.isfinite(logits).all()
    assert not logits[0].equal(logits[1])


@pytest.mark.parametrize("name", PLAIN)
def test_same_seed_same_weights(name: str) -> None:
    built = []
    for _ in range(2):
        torch.manual_seed(3)
        built.append(build_model(name, 3, (1, 8, 8)).state_dict())
    assert all(built[0][key].equal(built[1][key]) for key in built[0])


def test_paper_cnn_refuses_tiny_images() -> None:
    assert build_model("paper-cnn", 2, (1, 4, 4)).fc1.in_features == 64  # type: ignore[union-attr]
    with refuses(PlanError, "at least 4x4", "3x9"):
        build_model("paper-cnn", 2, (1, 3, 9))
