"""Weight changes: exact at strength 1, the base at 0, between by interpolation; sparse where that is smaller."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lorasteer.changes import load_change, save_change, weight_change
from lorasteer.errors import WeightsError
from lorasteer.tasks.base import Base, weights_digest
from tests.support.errors import refuses
from tests.support.toy import toy_base


def small() -> Base:
    """A linear layer 2 -> 4 and BatchNorm with statistics and a counter."""
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(8.0).reshape(4, 2))
    return Base(toy_base().record, model)


def state(base: Base) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in base.model.state_dict().items()}


def test_values_are_exact_at_1_and_the_bases_at_0() -> None:
    base = small()
    values = {name: torch.rand_like(tensor) if tensor.is_floating_point() else tensor + 3 for name, tensor in state(base).items()}
    change = weight_change(base, values)
    for model in (change.apply(base), change.merged(base)):
        assert all(tensor.equal(values[name]) for name, tensor in model.state_dict().items())
    for model in (change.apply(base, strength=0), change.merged(base, strength=0)):
        assert weights_digest(model) == base.digest


@pytest.mark.parametrize(("strength", "wanted"), [(0.25, 2.5), (0.5, 3.0), (1.0, 4.0), (1.5, 5.0)])
def test_between_and_beyond_numbers_are_interpolated(strength: float, wanted: float) -> None:
    """From 2 to 4: 2 + strength * 2."""
    base = small()
    weight = state(base)["0.weight"]
    weight[1, 0] = 4.0
    assert weight_change(base, {"0.weight": weight}).apply(base, strength=strength).get_parameter("0.weight")[1, 0] == wanted


def test_whole_numbers_are_not_interpolated_and_a_variance_stays_above_zero() -> None:
    """The variance goes from 1 to 0.1; at strength 1.5 it would be 1 - 1.5 * 0.9 = -0.35."""
    base = small()
    values = {"1.num_batches_tracked": torch.tensor(9), "1.running_var": torch.full((4,), 0.1)}
    model = weight_change(base, values).apply(base, strength=1.5)
    assert model.state_dict()["1.num_batches_tracked"] == 9
    assert model.state_dict()["1.running_var"].tolist() == [0, 0, 0, 0]
    half = weight_change(base, values).apply(base, strength=0.5)
    assert half.state_dict()["1.num_batches_tracked"] == 9
    assert half.state_dict()["1.running_var"].tolist() == pytest.approx([0.55] * 4)


def test_few_changed_numbers_are_kept_as_places_and_values() -> None:
    """2 of 8 numbers are a quarter, still sparse; 3 of 8 are kept whole; none at all are left out."""
    base = small()
    sparse, dense = state(base)["0.weight"], state(base)["0.weight"]
    sparse.view(-1)[[2, 5]] = torch.tensor([-1.0, -2.0])
    dense.view(-1)[:3] = 9.0
    few = weight_change(base, {"0.weight": sparse, "0.bias": state(base)["0.bias"]})
    assert few.tensors.keys() == {"0.weight::index", "0.weight::values"}
    assert few.tensors["0.weight::index"].tolist() == [2, 5]
    assert few.tensors["0.weight::values"].tolist() == [-1, -2]
    assert weight_change(base, {"0.weight": dense}).tensors.keys() == {"0.weight"}
    for wanted, change in ((sparse, few), (dense, weight_change(base, {"0.weight": dense}))):
        assert change.apply(base).get_parameter("0.weight").equal(wanted)
        assert change.layers == ("0",)


def test_untouched_tensors_are_shared_and_the_base_is_left_alone() -> None:
    base = small()
    before = weights_digest(base.model)
    model = weight_change(base, {"0.weight": torch.zeros(4, 2)}).apply(base)
    assert model.get_parameter("0.bias") is base.model.get_parameter("0.bias")
    with torch.no_grad():
        model.get_parameter("0.weight").fill_(7)
    merged = weight_change(base, {"0.weight": torch.zeros(4, 2)}).merged(base)
    with torch.no_grad():
        for parameter in merged.parameters():
            parameter.fill_(7)
    assert weights_digest(base.model) == before


def test_values_are_copied_so_that_later_writing_does_not_alter_the_change() -> None:
    base, weight = small(), torch.ones(4, 2)
    change = weight_change(base, {"0.weight": weight})
    weight.zero_()
    assert change.apply(base).get_parameter("0.weight").sum() == 8


def test_the_sign_of_a_zero_is_kept() -> None:
    """-0.0 equals 0.0 as a number, but the result is to be exact to the bit."""
    base = small()
    weight = state(base)["0.weight"]
    weight[0, 0] = -0.0
    assert weight_change(base, {"0.weight": weight}).apply(base).get_parameter("0.weight")[0, 0].signbit()


def test_an_unknown_name_or_another_shape_is_refused() -> None:
    for values in ({"2.weight": torch.zeros(1)}, {"0.weight": torch.zeros(2, 4)}):
        with refuses(WeightsError, next(iter(values)), "the base's own names and shapes"):
            weight_change(small(), values)


def test_the_description() -> None:
    base = small()
    change = weight_change(base, {"0.weight": torch.zeros(4, 2)}, trainable=12, strength=0.5)
    record = change.record
    assert (record.kind, record.base, record.strength, record.trainable) == ("weights", base.digest, 0.5, 12)
    assert change.at(1).apply(base).get_parameter("0.weight").abs().sum() == 0
    assert change.apply(base).get_parameter("0.weight")[3, 1] == 3.5


@pytest.mark.parametrize("half", [True, False], ids=["sparse", "dense"])
def test_saved_and_loaded_is_exact(half: bool, tmp_path: Path) -> None:
    base, weight = small(), torch.randn(4, 2)
    if half:
        weight[1:] = state(base)["0.weight"][1:]
    change = weight_change(base, {"0.weight": weight})
    back = load_change(save_change(change, tmp_path / "change"), base)
    assert back.apply(base).get_parameter("0.weight").equal(weight)
    assert back.record == change.record


def test_an_empty_change_is_saved_and_changes_nothing(tmp_path: Path) -> None:
    base = small()
    back = load_change(save_change(weight_change(base, state(base)), tmp_path / "change"), base)
    assert back.layers == ()
    assert weights_digest(back.apply(base)) == base.digest
