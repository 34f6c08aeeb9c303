"""FILA's start: the best pair of its rank, nothing changed at first, and the way back to an ordinary LoRA."""

from __future__ import annotations

import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lorasteer.core import fila
from lorasteer.core.fila import Pair, difference, first_pair, relative_importance, residual, row_weights
from lorasteer.errors import PlanError
from tests.support.errors import refuses


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_relative_importance_worked_by_hand() -> None:
    """F_r = (1, 3), mean 2: with a floor of 1/2 the ratios are 4 / (1 + 1) and 4 / (3 + 1)."""
    told = relative_importance(torch.tensor([[4.0, 4.0]]), torch.tensor([[1.0, 3.0]]), floor=0.5)
    assert told.tolist() == [[2.0, 1.0]]


@given(st.sampled_from([1e-12, 1e-6, 1.0, 1e6]))
def test_the_scale_of_gradients_does_not_matter(scale: float) -> None:
    """With the fixed 1e-5 of the authors' code the ratio would be F_f itself for gradients below it."""
    forget, retain = normal(4, 6).square(), normal(4, 6, seed=1).square()
    told = row_weights(relative_importance(scale * forget, scale * retain))
    torch.testing.assert_close(told, row_weights(relative_importance(forget, retain)), rtol=1e-4, atol=1e-6)


def test_row_weights_worked_by_hand() -> None:
    """Rows sum to 9 and 7: square roots 3 and sqrt 7, mean square 8. A row of zeros keeps a thousandth."""
    assert row_weights(torch.tensor([[9.0, 0.0], [3.0, 4.0]])).tolist() == pytest.approx([(9 / 8) ** 0.5, (7 / 8) ** 0.5])
    assert row_weights(torch.tensor([[2.0], [0.0]])).tolist() == pytest.approx([2**0.5, 1e-3])
    assert row_weights(torch.zeros(2, 3)).tolist() == [1.0, 1.0]
    assert relative_importance(torch.ones(2, 3), torch.zeros(2, 3)).equal(torch.ones(2, 3))


def test_the_row_that_matters_goes_into_the_pair() -> None:
    """Rows (3, 0) and (0, 2) with weights 1 and 2: weighted they are 3 and 4, so the second row is taken, whole."""
    down, up = first_pair(torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([1.0, 2.0]), 1, 2.0)
    torch.testing.assert_close(2.0 * up @ down, torch.tensor([[0.0, 0.0], [0.0, 2.0]]))


@settings(max_examples=25)
@given(rank=st.integers(1, 5), scaling=st.sampled_from([0.5, 2.0]), seed=st.integers(0, 1000))
def test_the_pair_is_the_best_of_its_rank_and_the_residual_completes_it(rank: int, scaling: float, seed: int) -> None:
    """By Eckart and Young the weighted error is what the singular values left out amount to."""
    weight, rows = normal(7, 5, seed=seed), normal(7, seed=seed + 1).abs() + 0.1
    pair = first_pair(weight, rows, rank, scaling)
    left = residual(weight, pair, scaling)
    torch.testing.assert_close(left + scaling * pair.up @ pair.down, weight, rtol=1e-5, atol=1e-5)
    sizes = torch.linalg.svdvals(rows[:, None] * weight)
    torch.testing.assert_close((rows[:, None] * left).norm(), sizes[rank:].norm(), rtol=1e-3, atol=1e-4)


def test_a_large_matrix_is_decomposed_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """By iteration: the weighted error is within a thousandth of the best, and the same each time."""
    weight, rows = normal(120, 90), normal(120, seed=1).abs() + 0.1
    exact = residual(weight, first_pair(weight, rows, 8, 2.0), 2.0)
    monkeypatch.setattr(fila, "EXACT_UP_TO", 64)
    pair = first_pair(weight, rows, 8, 2.0)
    assert (rows[:, None] * residual(weight, pair, 2.0)).norm() <= 1.001 * (rows[:, None] * exact).norm()
    assert first_pair(weight, rows, 8, 2.0).up.equal(pair.up)


def test_a_rank_beyond_the_weight_is_refused() -> None:
    with refuses(PlanError, "adapter rank 4 is larger", "(3, 5)", "Choose rank <= 3"):
        first_pair(torch.zeros(3, 5), torch.ones(3), 4, 1.0)


def test_half_precision_weights_are_split_in_float32() -> None:
    weight = normal(6, 6).bfloat16()
    pair = first_pair(weight, torch.ones(6), 2, 1.0)
    assert pair.down.dtype == pair.up.dtype == residual(weight, pair, 1.0).dtype == torch.float32


def layer(kind: str) -> nn.Module:
    """A layer of 6 inputs and 4 outputs with random weights."""
    made = nn.Linear(6, 4) if kind == "linear" else Conv1D(4, 6)
    with torch.no_grad():
        made.weight.copy_(normal(*made.weight.shape))
        made.bias.copy_(normal(4, seed=1))
    return made


class One(nn.Module):
    """A model of one layer."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.only = layer(kind)

    def forward(self, x: Tensor) -> Tensor:
        return self.only(x)


def adapted(kind: str, pair: Pair, alpha: float) -> nn.Module:
    """Stock PEFT around the untouched layer, with a pair."""
    config = peft.LoraConfig(
        r=len(pair.down), lora_alpha=alpha, target_modules=["only"], lora_dropout=0.0, fan_in_fan_out=kind == "conv1d"
    )
    model = peft.get_peft_model(One(kind), config).eval()
    wrapped = model.base_model.model.only
    with torch.no_grad():
        wrapped.lora_A["default"].weight.copy_(pair.down)
        wrapped.lora_B["default"].weight.copy_(pair.up)
    return model


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
def test_the_difference_is_a_stock_adapter_of_twice_the_rank_for_the_untouched_layer(kind: str) -> None:
    """What was trained beside the residual says the same as the difference beside the layer itself."""
    rank, alpha, x = 2, 4.0, normal(5, 6, seed=9)
    plain = layer(kind)
    weight = plain.weight.detach() if kind == "linear" else plain.weight.detach().T
    first = first_pair(weight, normal(4, seed=3).abs() + 0.1, rank, alpha / rank)
    frozen = residual(weight, first, alpha / rank)
    trained = Pair(first.down + 0.1 * normal(2, 6, seed=4), first.up + 0.1 * normal(4, 2, seed=5))
    for now in (first, trained):
        wanted = x @ (frozen + alpha / rank * now.up @ now.down).T + plain.bias
        said = adapted(kind, difference(now, first), 2 * alpha)(x)
        torch.testing.assert_close(said, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(adapted(kind, difference(first, first), 2 * alpha)(x), plain(x), rtol=1e-5, atol=1e-5)
