"""From a name to a network that fits the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lorasteer.errors import PlanError
from lorasteer.tasks.vision.models import build_model, preprocess_for
from lorasteer.tasks.vision.pixels import Preprocess, default_preprocess
from tests.support.errors import refuses
from tests.support.images import image_data
from tests.support.models import save_tiny_vit

LINEAR = "tests.support.models:linear_classifier"


@pytest.mark.parametrize("name", [LINEAR, f"factory:{LINEAR}"])
def test_a_factory_by_dotted_name_gets_its_options(name: str) -> None:
    assert build_model(name, 3, (1, 4, 4))[1].bias.shape == (3,)  # type: ignore[index]
    assert build_model(name, 3, (1, 4, 4), bias=False)[1].bias is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_package:make", "No module named 'no_such_package'"),
        ("tests.support.models:nothing", "nothing"),
        ("tests.support.models:__name__", "is str"),
        ("tests.support.models:save_tiny_vit.__name__", "is str"),
        ("tests.support.models:save_tiny_vit", "too many positional arguments"),
        ("tests.tasks.vision.models.test_build:gives_a_number", "returned int"),
        ("factory:nonsense", "'package.module:callable'"),
    ],
)
def test_what_is_no_factory(name: str, words: str) -> None:
    with refuses(PlanError, words):
        build_model(name, 3, (1, 4, 4))


def gives_a_number(classes: int, shape: tuple[int, int, int]) -> Any:
    return classes


def forgets_its_logits(classes: int, shape: tuple[int, int, int]) -> nn.Module:
    return nn.Identity()


def test_a_factory_option_it_does_not_know() -> None:
    with refuses(PlanError, LINEAR, "'bais'"):
        build_model(LINEAR, 3, (1, 4, 4), bais=True)


def test_a_network_that_returns_no_logits_of_these_classes() -> None:
    with refuses(PlanError, "[1, 1, 4, 4]", "[1, 3]"):
        build_model("tests.tasks.vision.models.test_build:forgets_its_logits", 3, (1, 4, 4))


def test_unknown_model_names_the_nearest() -> None:
    with refuses(PlanError, "unknown model 'resnet19'", "Did you mean 'resnet"):
        build_model("resnet19", 3, (1, 8, 8))


def test_unknown_option() -> None:
    with refuses(PlanError, "model 'mlp' has no option 'depth'", "width"):
        build_model("mlp", 3, (1, 8, 8), depth=3)


@pytest.mark.parametrize("name", ["hub", "factory"])
def test_a_place_is_needed(name: str) -> None:
    with refuses(PlanError, "location", name):
        build_model(name, 3, (1, 8, 8))


def test_trying_a_model_changes_neither_it_nor_the_generator() -> None:
    torch.manual_seed(5)
    model = build_model("resnet20", 3, (3, 8, 8))
    after = torch.get_rng_state()
    torch.manual_seed(5)
    again = build_model("resnet20", 3, (3, 8, 8))
    assert torch.get_rng_state().equal(after)
    assert model.training
    assert int(again.bn1.num_batches_tracked) == 0  # type: ignore[arg-type]
    assert not again.bn1.running_mean.any()  # type: ignore[union-attr, operator]


def test_preprocess_of_the_data_unless_the_model_states_its_own(tmp_path: Path) -> None:
    data, plain = image_data(side=8), save_tiny_vit(tmp_path / "plain")
    stated = save_tiny_vit(tmp_path / "stated", mean=0.5)
    assert preprocess_for("mlp", data) == default_preprocess(data)
    assert preprocess_for(str(plain), data) == default_preprocess(data)
    assert preprocess_for(str(stated), data) == Preprocess(mean=(0.5,), std=(0.25,))
    assert preprocess_for(f"hub:{stated}", image_data(side=8, channels=3)).mean == (0.5, 0.5, 0.5)


def test_preprocess_of_other_channels(tmp_path: Path) -> None:
    with refuses(PlanError, "reads 3 channels", "have 1"):
        preprocess_for(str(save_tiny_vit(tmp_path, channels=3, mean=0.5)), image_data(side=8))
