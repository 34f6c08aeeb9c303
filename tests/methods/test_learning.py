"""Adapted layers while they learn say what PEFT says, and their dropout is dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lorasteer.changes.adapter import exactly, wrap_model
from lorasteer.methods.learning import TableDropout, draw_mask, prepare


def wrapped(layers: list[str]) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))
    config = {"r": 2, "lora_alpha": 6, "lora_dropout": 0.3, "target_modules": exactly(layers), "init_lora_weights": False}
    changed: nn.Module = wrap_model(model, config)
    return changed


@pytest.mark.parametrize("layers", [["0"], ["4"], ["0", "4"]])
def test_without_dropout_the_numbers_are_pefts(layers: list[str]) -> None:
    pixels = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    theirs, ours = wrapped(layers).eval(), wrapped(layers)
    prepare(ours, dropout=0.0, seed=0)
    wanted, given = theirs(pixels), ours(pixels)
    torch.testing.assert_close(given, wanted)
    free = [[p for p in model.parameters() if p.requires_grad] for model in (theirs, ours)]
    gradients = [torch.autograd.grad(said.square().sum(), own) for said, own in zip((wanted, given), free, strict=True)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)  # sums in another order


def test_a_linear_layer_hands_on_its_gradient_and_one_whose_answer_is_known_is_not_asked() -> None:
    x = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    theirs, ours = wrapped(["4"]).eval(), wrapped(["4"])
    prepare(ours, dropout=0.0, seed=0)
    one, other = (model.get_base_model()[4] for model in (theirs, ours))  # type: ignore[operator]
    slopes = [torch.autograd.grad(layer(x).sin().sum(), [x, layer.lora_A.default.weight]) for layer in (one, other)]
    for wanted, given in zip(*slopes, strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-5, rtol=1e-5)

    said = other(x) - other.base_layer(x)
    other.base_layer.forward = lambda x: torch.zeros(2, 3, 5)
    torch.testing.assert_close(other(x), said)


def test_only_the_dropout_is_in_training_mode() -> None:
    model = wrapped(["0", "4"])
    prepare(model.train(), dropout=0.3, seed=0)
    training = [name for name, module in model.named_modules() if module.training]
    assert len(training) == 2
    assert all(name.endswith("lora_dropout.default") for name in training)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_p_is_dropped_and_the_mean_is_kept(p: float) -> None:
    """Standard deviation of the share over n draws: sqrt(p (1 - p) / n) <= 0.001; five of them."""
    n = 250_000
    mask = draw_mask(n, p, seed=1)
    assert (mask == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert mask.mean().item() == pytest.approx(1.0, abs=0.005 / (1 - p))
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)])


def test_draws_side_by_side_are_independent() -> None:
    """Four draws come out of each random word: neighbours of any distance agree as often as chance says, 0.5."""
    kept = draw_mask(250_000, 0.5, seed=2) > 0
    for distance in range(1, 9):
        assert (kept[distance:] == kept[:-distance]).float().mean().item() == pytest.approx(0.5, abs=0.005)


def test_masks_differ_from_call_to_call_and_repeat_with_the_seed() -> None:
    x = torch.ones(32, 64)

    def three() -> list[torch.Tensor]:
        dropout = TableDropout(0.4, seed=3).train()
        torch.manual_seed(5)
        return [dropout(x) for _ in range(3)]

    first, again = three(), three()
    assert not first[0].equal(first[1])
    assert not first[1].equal(first[2])
    assert all(one.equal(other) for one, other in zip(first, again, strict=True))
    assert not first[0].equal(TableDropout(0.4, seed=4).train()(x))


def test_a_larger_input_gets_a_larger_table_and_its_own_type() -> None:
    dropout = TableDropout(0.5).train()
    assert dropout(torch.ones(4)).shape == (4,)
    assert dropout(torch.ones(50, 40, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert 0.4 < (dropout(torch.ones(50, 40)) == 0).float().mean() < 0.6


def test_nothing_is_dropped_in_evaluation_or_at_zero() -> None:
    x = torch.randn(5, 6)
    assert TableDropout(0.5).eval()(x) is x
    assert TableDropout(0.0).train()(x) is x
