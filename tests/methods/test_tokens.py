"""What a loss on answer tokens is given."""

from __future__ import annotations

import torch
from torch import Tensor

from lorasteer.methods.tokens import TokenBatch

HALF_AND_QUARTER = torch.tensor([[0.5, 0.25], [0.25, 0.5], [0.25, 0.25]]).log()  # p of three words given [1, 0] or [0, 1]


def batch(hidden: Tensor, labels: list[int], row: list[int], rows: int) -> TokenBatch:
    """Tokens whose probabilities are read off the head's columns."""
    return TokenBatch(
        hidden,
        torch.tensor([[1.0, 0.0]] * len(labels)),
        torch.tensor(labels),
        torch.tensor(row),
        torch.arange(rows),
        HALF_AND_QUARTER,
    )


def test_probabilities_are_those_of_the_head() -> None:
    told = batch(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), [0, 0], [0, 0], 1)

    assert torch.allclose(told.statistics.log_prob.exp(), torch.tensor([0.5, 0.25]))
    assert torch.allclose(told.statistics.rival_log_prob.exp(), torch.tensor([0.25, 0.5]))
    assert torch.allclose(told.reference_log_prob.exp(), torch.tensor([0.5, 0.5]))


def test_means_and_totals_are_per_example_whatever_its_length() -> None:
    told = batch(torch.ones(4, 2), [0, 0, 0, 0], [0, 0, 0, 2], 3)
    values = torch.tensor([1.0, 2.0, 6.0, 5.0])

    assert told.mean(values).tolist() == [3.0, 0.0, 5.0]  # the second example has no answer token in this batch
    assert told.total(values).tolist() == [9.0, 0.0, 5.0]


def test_the_reference_takes_no_gradient() -> None:
    told = batch(torch.tensor([[1.0, 0.0]], requires_grad=True), [1], [0], 1)

    assert not told.reference_log_prob.requires_grad
    assert told.mean(told.statistics.log_prob).requires_grad
