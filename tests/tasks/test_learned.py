"""What training can change: listed once, copied, put back, checked."""

from __future__ import annotations

import torch
from torch import nn

from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.learned import Learned


def network() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    model[0].bias.requires_grad_(False)
    return model.train()


def test_parameters_that_learn_and_buffers_of_modules_in_training() -> None:
    model = network()
    learned = Learned.of(model)
    assert set(learned.parameters) == {"0.weight", "1.weight", "1.bias", "2.weight", "2.bias"}
    assert set(learned.buffers) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert learned.parameters["0.weight"] is model[0].weight
    assert learned.size == 18 + 6 + 6 + 12 + 2
    model[1].eval()
    assert not Learned.of(model).buffers
    assert set(Learned.of(nn.BatchNorm1d(6)).buffers) == {"running_mean", "running_var", "num_batches_tracked"}


def test_a_copy_is_apart_and_can_be_put_back() -> None:
    model = network()
    learned, before = Learned.of(model), weights_digest(model)
    kept = learned.copy()
    model(torch.randn(8, 3))
    with torch.no_grad():
        model[2].weight.add_(1.0)
    assert weights_digest(model) != before
    learned.restore(kept)
    assert weights_digest(model) == before


def test_a_number_that_is_not_finite_is_seen_wherever_it_is() -> None:
    model = network()
    learned = Learned.of(model)
    assert learned.are_finite()
    for tensor in (model[2].bias, model[1].running_var):
        kept = learned.copy()
        with torch.no_grad():
            tensor[0] = torch.inf
        assert not learned.are_finite()
        learned.restore(kept)
        assert learned.are_finite()
