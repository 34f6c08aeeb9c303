"""Random labels: never the true one, drawn once."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lorasteer.methods.finetuning.random_labels import (
    RandomLabels,
    TextRandomLabelsSettings,
    wrong_labels,
    wrong_tokens,
)
from tests.support.batches import tokens


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


def test_loss_on_text_worked_by_hand() -> None:
    """Of two words the wrong one is the other: P = 1/4 and 1/2 of it, (ln 4 + ln 2) / 2."""
    given = tokens([[0.75, 0.25], [0.5, 0.5]], [0, 0], [0, 0])
    loss = RandomLabels(TextRandomLabelsSettings()).token_loss(given)
    assert loss.tolist() == pytest.approx([1.5 * math.log(2)])


def test_another_word_is_never_the_right_one_and_every_other_is_as_likely() -> None:
    """1,800 draws over nine words, as above."""
    many = tokens([[0.1] * 10] * 1800, [3] * 1800, [one // 6 for one in range(1800)])
    counts = torch.bincount(wrong_tokens(many, seed=1), minlength=10)

    assert counts[3] == 0
    assert ((counts[counts > 0] - 200) ** 2 / 200).sum() < 30


def test_another_word_depends_on_seed_example_and_place_alone() -> None:
    """Two answers of three and two tokens, asked together and the second alone."""
    both = tokens([[0.01] * 100] * 5, [7] * 5, [0, 0, 0, 1, 1])
    second = replace(tokens([[0.01] * 100] * 2, [7] * 2, [0, 0]), position=torch.tensor([1]))

    assert wrong_tokens(both, seed=0)[3:].equal(wrong_tokens(second, seed=0))
    assert not wrong_tokens(both, seed=0).equal(wrong_tokens(both, seed=1))
    assert len(set(wrong_tokens(both, seed=0).tolist())) > 2
