"""How much came back, less what it cost."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation.audit.recovery import Judge, rank, recovered
from tests.support.audited import SEVEN, changed, ground, masked, single_examples


def test_a_model_that_calls_everything_the_target_has_recovered_little() -> None:
    """All 43 sevens are hit and nearly every other digit is lost: 1 - 0.97 of the base's accuracy stays."""
    place = ground()
    judge = Judge.on(place)
    bias = torch.zeros(10).index_fill(0, torch.tensor([SEVEN]), 1e4)
    score = judge.known(changed("sevens only", {"fc3.bias": bias}))
    base_forget, base_retain = judge.base
    assert (score.forget, score.retain) == (1.0, 0.0)
    assert score.recovered == pytest.approx((1 - base_retain) / base_forget)
    assert score.recovered < 0.1


def test_the_base_has_recovered_everything() -> None:
    place = ground()
    judge = Judge.on(place)
    assert judge.known(place.original).recovered == 1.0
    assert judge.tried(place.original.network) == judge.known(place.original)


def test_a_masked_class_still_ranks_its_examples_first() -> None:
    judge = Judge.on(ground())
    score = judge.known(masked())
    assert (score.forget, score.recovered) == (0.0, 0.0)
    assert score.rank > 0.99


@pytest.mark.parametrize(("base_forget", "share"), [(0.0, 0.0), (0.5, 1.0)])
def test_shares_stay_between_nothing_and_everything(base_forget: float, share: float) -> None:
    assert recovered(0.9, 1.0, base_forget, 0.9) == share


def test_rank_takes_each_class_by_its_examples() -> None:
    """Class 0: leanings 1 and -1 against -2 of class 2: 2 of 2 won. Class 1: leaning -5 against -1 of class 2: lost.

    (2 * 1 + 1 * 0) / 3 = 0.667.
    """
    target = torch.tensor([[3.0, 2.0, 0.0], [1.0, 2.0, 0.0], [5.0, 0.0, 0.0]])
    other = torch.tensor([[0.0, 1.0, 2.0]])
    assert rank(target, torch.tensor([0, 0, 1]), other, torch.tensor([2])) == pytest.approx(2 / 3)
    assert rank(target, torch.tensor([2, 2, 2]), other, torch.tensor([2])) == 0.5  # nothing to compare with


def test_examples_an_attack_learns_from_are_not_judged() -> None:
    place = ground(splits=single_examples())
    taught = place.splits.forget[:10]
    judge = Judge.on(place, without=taught)
    assert judge.forget_part == "train"
    assert judge.size == len(place.splits.forget) - 10
    assert not set(judge.forget.tolist()) & set(taught.tolist())
