"""Adapters: strength from nothing to beyond, merged, saved, refused when altered, and loaded by stock PEFT."""

from __future__ import annotations

import warnings
from pathlib import Path

import peft
import pytest
import torch
from torch import nn

from lorasteer.changes import AdapterChange, adapter_change, load_change, save_change
from lorasteer.changes.adapter import Dialled, exactly, wrap_model
from lorasteer.errors import WeightsError
from lorasteer.tasks.base import Base, weights_digest
from lorasteer.tasks.outputs import logits_of
from tests.support.errors import refuses
from tests.support.toy import answers, hooks_of, toy_base
from tests.tasks.test_prefix import images, network


def random_adapter(base: Base, layers: tuple[str, ...], *, rank: int = 4, alpha: float = 6.0, seed: int = 0) -> AdapterChange:
    """An adapter whose both matrices are random, so that it changes every answer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = {"r": rank, "lora_alpha": alpha, "target_modules": exactly(layers), "init_lora_weights": False}
        return adapter_change(base, wrap_model(base.view(), config))


def delta(change: AdapterChange, layer: str) -> torch.Tensor:
    """What the adapter adds to a linear layer: alpha / r * B A."""
    a, b = (change.tensors[f"base_model.model.{layer}.lora_{side}.weight"] for side in "AB")
    return float(change.config["lora_alpha"]) / int(change.config["r"]) * b @ a


def test_strength_scales_what_is_added_to_the_weights() -> None:
    """Weights must be W + strength * alpha / r * B A, with alpha / r = 6 / 4."""
    base, layers = toy_base(), ("fc1", "fc2")
    change = random_adapter(base, layers)
    for strength in (0.5, 1.0, 1.5):
        merged = change.merged(base, strength=strength)
        for layer in layers:
            wanted = base.model.get_parameter(f"{layer}.weight") + strength * delta(change, layer)
            torch.testing.assert_close(merged.get_parameter(f"{layer}.weight"), wanted)
        torch.testing.assert_close(answers(change.apply(base, strength=strength)), answers(merged), rtol=1e-4, atol=1e-4)
        assert not answers(merged).allclose(answers(base.model), rtol=0.01, atol=0.01)


def test_strength_0_is_the_base_bit_for_bit() -> None:
    base = toy_base()
    change = random_adapter(base, ("fc1",))
    for model in (change.apply(base, strength=0), change.merged(base, strength=0), change.at(0).apply(base)):
        assert weights_digest(model) == base.digest
        assert answers(model).equal(answers(base.model))


def test_a_changes_own_strength_is_used_unless_another_is_asked_for() -> None:
    base = toy_base()
    change = random_adapter(base, ("fc1",))
    half = change.at(0.5)
    assert (half.record.strength, half.record.tensors) == (0.5, change.record.tensors)
    assert answers(half.apply(base)).equal(answers(change.apply(base, strength=0.5)))
    assert answers(half.apply(base, strength=1.0)).equal(answers(change.apply(base)))


@pytest.mark.parametrize("strength", [-0.1, 1.51, float("nan")])
def test_other_strengths_are_refused(strength: float) -> None:
    change = random_adapter(toy_base(), ("fc1",))
    for attempt in (change.apply, change.merged):
        with refuses(WeightsError, f"strength {strength}", "[0, 1.5]"):
            attempt(toy_base(), strength=strength)
    with refuses(WeightsError, f"strength {strength}"):
        change.at(strength)


def test_the_base_is_left_as_it_was() -> None:
    base = toy_base()
    before = weights_digest(base.model)
    change = random_adapter(base, ("conv1", "fc2"))
    applied, merged = change.apply(base), change.merged(base)
    with torch.no_grad():
        for parameter in merged.parameters():
            parameter.zero_()
    assert weights_digest(base.model) == before
    assert not hooks_of(base.model)
    assert not any(parameter.requires_grad for parameter in applied.parameters())
    assert not any(module.training for module in applied.modules())


def test_a_merged_model_has_the_bases_own_modules() -> None:
    merged = random_adapter(toy_base(), ("fc1",)).merged(toy_base())
    assert [(name, type(module)) for name, module in merged.named_modules()] == [
        (name, type(module)) for name, module in toy_base().model.named_modules()
    ]
    assert merged.state_dict().keys() == toy_base().model.state_dict().keys()


def test_only_the_named_layer_is_adapted_where_another_ends_alike() -> None:
    """`conv1` of ResNet-20 is also the end of `layer1.0.conv1` and eight more."""
    base = Base(toy_base().record, network("resnet20"))
    change = random_adapter(base, ("conv1",))
    assert change.layers == ("conv1",)
    wrapped = change.apply(base)
    assert [name for name, _ in wrapped.named_modules() if name.endswith("lora_A")] == ["base_model.model.conv1.lora_A"]


def test_its_description() -> None:
    """Rank 4 on 256 -> 128 and 128 -> 10: 4 * (256 + 128) + 4 * (128 + 10) = 2088 numbers."""
    change = random_adapter(toy_base(), ("fc1", "fc2"))
    record = change.record
    assert (record.kind, record.base, record.strength, record.trainable) == ("adapter", toy_base().digest, 1.0, 2088)
    assert change.layers == ("fc1", "fc2")
    assert record.tensors == random_adapter(toy_base(), ("fc1", "fc2")).record.tensors
    assert record.tensors != random_adapter(toy_base(), ("fc1", "fc2"), seed=1).record.tensors


def test_the_digest_covers_the_configuration() -> None:
    assert len({random_adapter(toy_base(), ("fc1",), alpha=alpha).record.tensors for alpha in (6.0, 7.0)}) == 2


def test_another_base_is_refused_though_its_shapes_are_equal() -> None:
    change, other = random_adapter(toy_base(), ("fc1",)), Base(toy_base().record, toy_base().copy())
    with torch.no_grad():
        other.model.get_parameter("fc2.bias")[0] += 1e-6
    for attempt in (change.apply, change.merged):
        with refuses(WeightsError, "was made for base", toy_base().digest[:12], other.digest[:12]):
            attempt(other)


FAMILIES = {
    "paper-cnn": ("conv2", "fc1", "fc2"),
    "resnet18": ("classifier.1", "classifier.3"),
    "resnet20": ("layer3.2.conv2", "linear"),
    "vit": ("vit.layers.1.attention.q_proj", "classifier"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_stock_peft_loads_the_saved_folder_and_says_the_same(family: str, tmp_path: Path) -> None:
    base = Base(toy_base().record, network(family))
    change = random_adapter(base, FAMILIES[family], rank=2)
    save_change(change, tmp_path / "change")
    with torch.no_grad():
        wanted = logits_of(change.apply(base)(images(family, 5)))
        given = logits_of(stock(base.copy(), tmp_path / "change")(images(family, 5)))
        merged = logits_of(change.merged(base)(images(family, 5)))
        untouched = logits_of(base.model(images(family, 5)))
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(merged, wanted, rtol=1e-3, atol=1e-4)
    assert not given.allclose(untouched, rtol=0, atol=1e-3)


def stock(model: nn.Module, folder: Path) -> nn.Module:
    """What a person without lorasteer runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        loaded: nn.Module = peft.PeftModel.from_pretrained(model, str(folder)).eval()
    return loaded


def test_saved_and_loaded_is_the_same_change(tmp_path: Path) -> None:
    base = toy_base()
    change = random_adapter(base, ("fc1", "fc2")).at(0.7)
    back = load_change(save_change(change, tmp_path / "change"), base)
    assert back.record == change.record
    assert back.layers == change.layers
    assert answers(back.apply(base)).equal(answers(change.apply(base)))


def test_turning_the_strength_gives_the_bits_of_applying_it() -> None:
    change = random_adapter(toy_base(), ("fc1", "fc2"), rank=3, alpha=10.0)
    dialled = Dialled(change, toy_base())
    for strength in (0.3, 1.5, 0.7, 1.0):
        assert answers(dialled.at(strength)).equal(answers(change.apply(toy_base(), strength=strength)))
    with refuses(WeightsError, "strength 2 is outside [0, 1.5]"):
        dialled.at(2)
