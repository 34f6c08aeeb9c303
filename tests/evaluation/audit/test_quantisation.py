"""Quantisation of the merged weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.quantisation import BLOCK, GRIDS, NF4, QuantiseSettings, normal_float, rounded
from tests.support.audited import fifty, ground, linear, masked, never_saw, value, vector_ground
from tests.support.proofs import proves

SEEDS = st.integers(0, 2**31 - 1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_each_output_channel_has_a_scale_of_its_own() -> None:
    """Largest values 0.7 and 14: steps of 0.1 and 2. 0.26 is 2.6 steps, so 3; -3.1 is -1.55, so -2."""
    codes, values = rounded(torch.tensor([[0.7, 0.26], [14.0, -3.1]]), 4)
    assert codes.tolist() == [[7, 3], [7, -2]]
    assert values.flatten().tolist() == pytest.approx([0.7, 0.3, 14.0, -4.0])


@given(SEEDS, st.integers(2, 8))
def test_rounding_moves_a_weight_by_half_a_step_at_most(seed: int, bits: int) -> None:
    weight = noise(5, 3, 2, 2, seed=seed)
    codes, values = rounded(weight, bits)
    step = weight.flatten(1).abs().amax(1) / (2 ** (bits - 1) - 1)
    assert (values - weight).abs().flatten(1).amax(1).le(step / 2 + 1e-6).all()
    again, same = rounded(values, bits)
    assert torch.equal(again, codes)
    assert torch.allclose(same, values)


def test_nf4_takes_the_nearest_of_sixteen_values_block_by_block() -> None:
    """The first block is scaled by 2, the second, which is not full, by 1: 0.1 is 0.05 there and 0.1 here."""
    weight = torch.zeros(1, BLOCK + 2)
    weight[0, 0], weight[0, 1], weight[0, BLOCK], weight[0, BLOCK + 1] = 2.0, 0.1, -1.0, 0.1
    codes, values = normal_float(weight)
    assert codes[0, [0, 1, 2, BLOCK, BLOCK + 1]].tolist() == [15, 8, 7, 0, 8]
    assert values[0, [0, 1, 2, BLOCK, BLOCK + 1]].tolist() == pytest.approx([2.0, 2 * NF4[8], 0.0, -1.0, NF4[8]])


@given(SEEDS)
def test_nf4_values_are_the_nearest(seed: int) -> None:
    weight = noise(4, 40, seed=seed)
    _, values = normal_float(weight)
    padded = torch.nn.functional.pad(weight.flatten(), (0, -weight.numel() % BLOCK)).reshape(-1, BLOCK)
    scale = padded.abs().amax(1, keepdim=True)
    least = (padded[..., None] - scale[..., None] * torch.tensor(NF4)).abs().amin(-1).flatten()[: weight.numel()]
    assert torch.allclose((values - weight).abs().flatten(), least, atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_layer_of_zeros_stays_zero(grid: str) -> None:
    _, values = GRIDS[grid](torch.zeros(2, 3))  # type: ignore[index]
    assert not values.any()


@proves("hand", "quantise")
@proves("power", "quantise")
def test_an_update_below_half_a_step_is_undone() -> None:
    """Power, by hand. The base's row (0.7, 0.2) says 0.2 to (0, 1), its rival's (0.7, 0.18) says 0.18: right.

    The update takes 0.03 away: 0.17, wrong. With int4 a step is 0.1: 0.2, 0.18 and 0.17 become 0.2, 0.2, 0.2, and of equal
    scores the first class wins, so the target, class 0, is back. With int8 a step is 0.0055 and nothing comes back.
    """
    rows, labels = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, -1.0], [1.0, -1.0]]), torch.tensor([0, 0, 1, 1])
    place = vector_ground(linear([[0.7, 0.2], [0.7, 0.18]]), rows, labels, target=0)
    subject = Subject.of_network("faint", linear([[0.7, 0.17], [0.7, 0.18]]))
    found = run_attack("quantise", place, subject, QuantiseSettings(grids=("int8", "int4")))
    assert [value(found, f"{grid}_forget_accuracy") for grid in ("int8", "int4")] == [0.0, 1.0]
    assert [value(found, f"{grid}_codes_changed") for grid in ("int8", "int4")] == [0.25, 0.0]
    assert value(found, "unrounded_forget_accuracy") == 0.0


@proves("null", "quantise", draws=50)
def test_it_does_not_cry_wolf() -> None:
    """Null: no model that never saw a seven knows one after rounding, on any grid."""
    place = ground()
    results = [run_attack("quantise", place, subject) for subject in fifty()]
    assert max(value(result, f"{grid}_regained") for result in results for grid in GRIDS) < 0.05


def test_codes_of_layers_that_are_the_bases_are_not_counted() -> None:
    place = ground()
    found = run_attack("quantise", place, masked())
    assert found.value("int4_codes_changed") is None
    assert found["int4_codes_changed"].note == "no weight matrix differs from the base's"
    other = run_attack("quantise", place, never_saw(0))
    assert value(other, "int4_codes_changed") > 0.8
    assert [curve.ticks for curve in other.curves] == [("fc1", "fc2", "fc3")] * 3
