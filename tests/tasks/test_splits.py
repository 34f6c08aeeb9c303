"""Splits: disjoint, together the whole, digested; nothing and everything are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import RequestError
from lorasteer.tasks.splits import Holdout, Splits, beside, hold_out, make_splits
from tests.support.errors import refuses

NOBODY = Holdout("train", np.empty(0, np.int64))


def chosen(*places: int, n: int = 10) -> np.ndarray:
    mask = np.zeros(n, bool)
    mask[list(places)] = True
    return mask


def split(train: np.ndarray, test: np.ndarray, validation: Holdout = NOBODY, data: str = "data") -> Splits:
    return make_splits(train, test, validation, data=data, wording="class 7")


@given(st.data())
def test_the_sets_are_disjoint_and_together_the_whole(data: st.DataObject) -> None:
    train = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=30)))
    test = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=30)))
    part = data.draw(st.sampled_from(["train", "test"]))
    size = len(train) if part == "train" else len(test)
    held = np.array(sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=size))), np.int64)
    free = np.setdiff1d(np.arange(len(train)), held) if part == "train" else np.arange(len(train))
    if not train[free].any() or train[free].all():
        return
    splits = split(train, test, Holdout(part, held))
    of_train, of_test = (splits.forget, splits.retain), (splits.forget_test, splits.retain_test)
    for sets, mask, here in ((of_train, train, "train"), (of_test, test, "test")):
        both = np.concatenate([*sets, *([held] if part == here else [])])
        assert np.array_equal(np.sort(both), np.arange(len(mask)))
        assert mask[sets[0]].all()
        assert not mask[sets[1]].any()


def test_worked_by_hand() -> None:
    """Of 0..9, 2 3 4 are chosen and 3 9 held out: forget 2 4, retain the other six; of the test examples 0 is chosen."""
    splits = split(chosen(2, 3, 4), chosen(0, n=3), Holdout("train", np.array([3, 9])))
    assert splits.forget.tolist() == [2, 4]
    assert splits.retain.tolist() == [0, 1, 5, 6, 7, 8]
    assert (splits.forget_test.tolist(), splits.retain_test.tolist()) == ([0], [1, 2])
    assert splits.sizes() == {"forget": 2, "retain": 6, "forget_test": 1, "retain_test": 2, "validation": 2}


def test_the_digest_changes_with_every_set_and_the_data() -> None:
    splits = split(chosen(2, 3), chosen(0), Holdout("train", np.array([5, 6])))
    names = ("forget", "retain", "forget_test", "retain_test")
    others = [dataclasses.replace(splits, **{name: getattr(splits, name)[1:]}) for name in names]
    others += [dataclasses.replace(splits, data="other")]
    others += [dataclasses.replace(splits, validation=Holdout("train", np.array([5])))]
    others += [dataclasses.replace(splits, validation=Holdout("test", splits.validation.index))]
    assert len({splits.digest, *(other.digest for other in others)}) == len(others) + 1
    assert split(chosen(2, 3), chosen(0), Holdout("train", np.array([5, 6]))).digest == splits.digest


def test_an_example_that_moves_from_one_set_to_the_next_changes_the_digest() -> None:
    """The sizes are hashed too, so (0 1)(2) and (0)(1 2) differ although they are the same numbers in a row."""
    empty = np.empty(0, np.int64)
    first = Splits(np.array([0, 1]), np.array([2]), empty, empty, NOBODY, "data")
    second = Splits(np.array([0]), np.array([1, 2]), empty, empty, NOBODY, "data")
    assert first.digest != second.digest


def test_a_target_of_nothing_is_refused() -> None:
    with refuses(RequestError, "class 7", "none of the 10 training examples", "Name a class"):
        split(chosen(), chosen(1))


def test_a_target_that_is_all_held_out_is_refused() -> None:
    with refuses(RequestError, "none of the 9"):
        split(chosen(3), chosen(), Holdout("train", np.array([3])))


def test_a_target_of_everything_is_refused() -> None:
    with refuses(RequestError, "class 7", "all 10 training examples", "Narrow the target"):
        split(~chosen(), chosen())


def test_a_held_out_share_is_balanced_and_repeatable() -> None:
    """A fifth of 50, 20 and 2 examples: 10, 4 and, because there must be one, 1."""
    labels = np.repeat([0, 1, 2], [50, 20, 2])
    held = hold_out(labels, 0.2, part="test", seed=3)
    assert np.bincount(labels[held.index]).tolist() == [10, 4, 1]
    assert (np.diff(held.index) > 0).all()
    assert np.array_equal(held.index, hold_out(labels, 0.2, part="test", seed=3).index)
    assert not np.array_equal(held.index, hold_out(labels, 0.2, part="test", seed=4).index)
    assert held.part == "test"


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_share_of_0_holds_nothing_out(part: str) -> None:
    held = hold_out(np.array([0, 1]), 0, part=part, seed=0)
    assert held.index.dtype == np.int64
    assert len(held.index) == 0


def test_what_others_forget_is_neither_forgotten_nor_retained() -> None:
    """Forget 0 1 beside 1 2: example 2 leaves the retain set, example 1 stays to be forgotten; of the test part, 4 leaves."""
    mine, other = split(chosen(0, 1), chosen(3)), split(chosen(1, 2), chosen(3, 4))
    both = beside(mine, [other])
    assert both.forget.tolist() == [0, 1]
    assert set(mine.retain) - set(both.retain) == {2}
    assert set(mine.retain_test) - set(both.retain_test) == {4}
    assert both.forget_test.tolist() == mine.forget_test.tolist()
    assert both.digest != mine.digest
    assert beside(mine, []) is mine


def test_targets_that_are_everything_between_them_are_refused() -> None:
    with refuses(RequestError, "all 10 training examples between them", "drop an earlier one"):
        beside(split(chosen(0), chosen()), [split(chosen(*range(1, 10)), chosen())])
