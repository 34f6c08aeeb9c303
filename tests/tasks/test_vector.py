"""Parameters as windows into one vector: the same numbers, the same steps, and nothing left of it afterwards."""

from __future__ import annotations

import torch
from torch import nn

from lorasteer.tasks.vector import MOST, fits_one_vector, one_vector


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_steps_on_the_vector_are_those_on_the_parameters() -> None:
    apart, together = network(), network()
    inputs = torch.randn(5, 3)
    optimizer = torch.optim.AdamW(apart.parameters(), 0.1, weight_decay=0.2)
    with one_vector(list(together.parameters())) as vector:
        other = torch.optim.AdamW([vector], 0.1, weight_decay=0.2)
        for _ in range(3):
            for model, steps in ((apart, optimizer), (together, other)):
                steps.zero_grad(set_to_none=False)
                model(inputs).square().sum().backward()
                steps.step()
    for one, two in zip(apart.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_afterwards_each_has_storage_of_its_own_and_no_gradient() -> None:
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with one_vector(list(model.parameters())) as vector:
        assert vector.numel() == sum(tensor.numel() for tensor in before)
        assert vector.tolist() == torch.cat([tensor.flatten() for tensor in before]).tolist()
        with torch.no_grad():
            vector.add_(1.0)
    homes = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    assert len(homes) == len(before)
    assert all(parameter.grad is None for parameter in model.parameters())
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert parameter.equal(old + 1)


def test_the_parameters_come_back_also_after_an_error() -> None:
    model = network()
    try:
        with one_vector(list(model.parameters())):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert len({parameter.untyped_storage().data_ptr() for parameter in model.parameters()}) == 4


def test_large_mixed_and_channels_last_parameters_stay_apart() -> None:
    assert fits_one_vector(list(network().parameters()))
    assert not fits_one_vector([])
    assert not fits_one_vector([nn.Parameter(torch.zeros(MOST + 1))])
    assert not fits_one_vector([nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    convolution = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    assert not fits_one_vector(list(convolution.parameters()))
