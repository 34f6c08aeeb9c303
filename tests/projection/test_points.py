"""The sample holds many of the target, and the rest in the shares of their classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import DataError
from lorasteer.projection import sample_points

LABELS = np.repeat(np.arange(10), 1000)
TARGET = LABELS == 3


def test_half_is_target_and_the_rest_is_even() -> None:
    chosen = sample_points(LABELS, TARGET & (np.arange(len(LABELS)) % 2 == 0))
    assert (len(chosen), TARGET[chosen].sum() >= 500) == (2000, True)
    counts = np.bincount(LABELS[chosen], minlength=10)
    others = np.delete(counts, 3)
    assert others.max() - others.min() <= 1


def test_a_target_of_more_than_its_share_is_cut() -> None:
    assert TARGET[sample_points(LABELS, TARGET)].sum() == 1000
    assert TARGET[sample_points(LABELS, TARGET, target_share=0.1)].sum() == 200


def test_without_a_target_classes_keep_their_shares() -> None:
    uneven = np.repeat([0, 1, 2], [6000, 3000, 1000])
    assert np.bincount(uneven[sample_points(uneven)]).tolist() == [1200, 600, 200]


def test_a_target_that_is_nearly_everything_fills_the_places_of_the_rest() -> None:
    target = np.ones(5000, bool)
    target[:10] = False
    chosen = sample_points(np.zeros(5000, np.int64), target)
    assert (len(chosen), (~target[chosen]).sum()) == (2000, 10)


@given(
    st.lists(st.integers(0, 4), max_size=60),
    st.integers(0, 2**32),
    st.integers(1, 80),
    st.floats(0, 1),
)
def test_any_data_gives_as_many_as_there_are(labels: list[int], seed: int, count: int, share: float) -> None:
    whole = np.array(labels, np.int64)
    target = np.random.default_rng(seed).random(len(whole)) < 0.5
    chosen = sample_points(whole, target, count, target_share=share, seed=seed)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(whole))
    assert (np.diff(chosen) > 0).all()


def test_same_seed_same_points() -> None:
    np.testing.assert_array_equal(sample_points(LABELS, TARGET, seed=4), sample_points(LABELS, TARGET, seed=4))
    assert (sample_points(LABELS, TARGET, seed=4) != sample_points(LABELS, TARGET, seed=5)).any()


@pytest.mark.parametrize(("count", "share"), [(0, 0.5), (10, 1.5), (10, float("nan"))])
def test_what_cannot_be_drawn_is_refused(count: int, share: float) -> None:
    with pytest.raises(DataError, match=r"cannot draw .* allowed is"):
        sample_points(LABELS, TARGET, count, target_share=share)


def test_a_target_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="Give a mask"):
        sample_points(LABELS, np.array([1, 2, 3]))
