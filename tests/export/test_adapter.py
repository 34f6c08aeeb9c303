"""What is exported loads with stock PEFT and gives the same logits."""

from __future__ import annotations

import json
from pathlib import Path

import peft
import pytest
import torch
from torch import Tensor

from lorasteer.changes import AdapterChange
from lorasteer.errors import PlanError, StoreError, WeightsError
from lorasteer.export import adapter_difference, export_adapter
from tests.support.digits import digits, forgotten, small_base
from tests.support.errors import refuses


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.from_numpy(digits().test.images[:64]).float() / 255


def stock(folder: Path, pixels: Tensor) -> Tensor:
    model = peft.PeftModel.from_pretrained(small_base().copy(), str(folder)).eval()
    with torch.no_grad():
        logits: Tensor = model(pixels)
    return logits


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.5])
def test_stock_peft_gives_the_model_at_that_strength(tmp_path: Path, pixels: Tensor, strength: float) -> None:
    change = forgotten().change
    export_adapter(change, tmp_path / "adapter", strength=strength)
    with torch.no_grad():
        ours = change.apply(small_base(), strength=strength)(pixels)
    assert torch.allclose(stock(tmp_path / "adapter", pixels), ours, atol=1e-5, rtol=0)
    assert adapter_difference(change, small_base(), tmp_path / "adapter", pixels, strength=strength) <= 1e-5


def test_the_strengths_differ(tmp_path: Path, pixels: Tensor) -> None:
    """Guards the test above: with a strength that did nothing it would compare a model with itself."""
    change = forgotten().change
    export_adapter(change, tmp_path / "half", strength=0.5)
    assert adapter_difference(change, small_base(), tmp_path / "half", pixels, strength=1.0) > 0.1


def test_the_changes_own_strength_by_default(tmp_path: Path, pixels: Tensor) -> None:
    change = forgotten().change.at(0.5)
    export_adapter(change, tmp_path / "adapter")
    assert adapter_difference(change, small_base(), tmp_path / "adapter", pixels) <= 1e-5
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["lora_alpha"] == 8.0  # half of 16


def test_an_alpha_of_its_own_is_scaled_too(tmp_path: Path) -> None:
    change = forgotten().change
    assert isinstance(change, AdapterChange)
    own = AdapterChange(change.record, {**change.config, "alpha_pattern": {"fc3": 4}}, change.tensors)
    export_adapter(own, tmp_path / "adapter", strength=0.5)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["lora_alpha"], config["alpha_pattern"]) == (8.0, {"fc3": 2.0})


def test_only_what_peft_writes(tmp_path: Path) -> None:
    export_adapter(forgotten().change, str(tmp_path / "adapter"))
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_weights_are_no_adapter(tmp_path: Path) -> None:
    with refuses(PlanError, "'weights' is not an adapter", "--merged"):
        export_adapter(forgotten("logit-mask").change, tmp_path / "adapter")
    assert list(tmp_path.iterdir()) == []


def test_a_strength_out_of_range(tmp_path: Path) -> None:
    with refuses(WeightsError, "strength 2"):
        export_adapter(forgotten().change, tmp_path / "adapter", strength=2.0)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refuses(StoreError, "cannot write"):
        export_adapter(forgotten().change, tmp_path / "file" / "adapter")
