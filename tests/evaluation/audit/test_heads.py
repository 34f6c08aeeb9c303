"""Many linear classifiers at once: each learns from its own examples, and from nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from lorasteer.evaluation.audit.heads import train_heads

LABELS = torch.arange(60) % 3


def features(seed: int = 0, *, apart: float = 0.0) -> Tensor:
    return torch.randn(60, 8, generator=torch.Generator().manual_seed(seed)) + apart * torch.eye(3, 8)[LABELS]


def taught(rows: Tensor, labels: Tensor, inside: Tensor, *, epochs: int = 20) -> Tensor:
    """Logits of each classifier on all examples, [k, n, 3]."""
    weight, bias = train_heads(rows, labels, inside, 3, epochs=epochs, learning_rate=0.05, batch_size=16, seed=1)
    return rows @ weight.transpose(1, 2) + bias[:, None]


def test_each_learns_its_own_half() -> None:
    inside = torch.rand(6, 60, generator=torch.Generator().manual_seed(2)) < 0.5
    right = taught(features(apart=6.0), LABELS, inside).argmax(-1) == LABELS
    assert right.double().mean() > 0.95
    chance = taught(features(), LABELS, inside).argmax(-1) == LABELS  # noise: what is not learned is guessed
    assert chance[inside].double().mean() > chance[~inside].double().mean() + 0.1


def test_an_example_outside_moves_no_number() -> None:
    """Its picture is another and its label wrong, and still the classifier that does not learn it is the same, bit for bit."""
    inside = torch.ones(2, 60, dtype=torch.bool)
    inside[0, 5] = False
    wrong = LABELS.clone()
    wrong[5] = (wrong[5] + 1) % 3
    one, other = (
        train_heads(features(), labels, inside, 3, epochs=5, learning_rate=0.05, batch_size=16, seed=1)[0]
        for labels in (LABELS, wrong)
    )
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_the_unit_of_the_features_does_not_matter() -> None:
    inside = torch.ones(2, 60, dtype=torch.bool)
    assert torch.allclose(taught(features(), LABELS, inside), taught(1024 * features(), LABELS, inside), atol=1e-3)


def test_a_classifier_without_examples_stays_as_it_began() -> None:
    inside = torch.ones(2, 60, dtype=torch.bool)
    inside[1] = False
    weight, bias = train_heads(features(), LABELS, inside, 3, epochs=3, learning_rate=0.05, batch_size=16, seed=1)
    first = train_heads(features(), LABELS, torch.zeros_like(inside), 3, epochs=1, learning_rate=0.05, batch_size=16, seed=1)
    assert torch.equal(weight[1], first[0][1])
    assert torch.equal(bias[1], torch.zeros(3))
