"""Random labels: never the true one, drawn once."""

from __future__ import annotations

import torch

from lorasteer.methods.finetuning.random_labels import wrong_labels


def test_never_the_true_class() -> None:
    true = torch.arange(10).repeat(200)

    assert not (wrong_labels(true, 10, seed=0) == true).any()


def test_every_other_class_is_as_likely() -> None:
    """1,800 draws over nine classes: 200 each, and a chi-square of 9 classes stays below 30 but once in 5,000 seeds."""
    counts = torch.bincount(wrong_labels(torch.full((1800,), 3), 10, seed=1), minlength=10)

    assert counts[3] == 0
    assert ((counts[counts > 0] - 200) ** 2 / 200).sum() < 30


def test_drawn_once_per_seed() -> None:
    true = torch.arange(10).repeat(20)

    assert wrong_labels(true, 10, seed=4).equal(wrong_labels(true, 10, seed=4))
    assert not wrong_labels(true, 10, seed=4).equal(wrong_labels(true, 10, seed=5))
