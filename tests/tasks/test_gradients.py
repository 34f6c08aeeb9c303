"""A step computed in parts has the gradient of the whole step."""

from __future__ import annotations

import torch

from lorasteer.tasks.gradients import rank, summed, world


def test_parts_add_up_to_the_whole() -> None:
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    parts = [lambda: (weight[0] * 5).square(), lambda: weight.prod(), lambda: torch.zeros(())]

    value = summed(parts, [weight])
    (2 * value).backward()

    assert value.item() == 106.0  # 10 squared and 2 * 3
    assert weight.grad is not None
    assert weight.grad.tolist() == [2 * (50 * 2 + 3), 2 * 2]


def test_a_parameter_that_no_part_uses_has_gradient_zero() -> None:
    used, idle = torch.ones(1, requires_grad=True), torch.ones(2, requires_grad=True)

    summed([lambda: used.sum(), lambda: used.sum()], [used, idle]).backward()

    assert used.grad is not None
    assert idle.grad is not None
    assert (used.grad.tolist(), idle.grad.tolist()) == ([2.0], [0.0, 0.0])


def test_one_process_works_alone() -> None:
    assert (world(), rank()) == (1, 0)
