"""Neighbours are those that scikit-learn finds, and purity is what counting by hand gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from lorasteer.projection import neighbours
from lorasteer.projection.neighbours import nearest, purity

DRAW = np.random.default_rng(3)
POINTS = DRAW.normal(size=(500, 12)).astype(np.float32) + 40


def reference(points: np.ndarray, k: int, queries: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    found = NearestNeighbors(algorithm="brute").fit(points.astype(float))
    distance, index = found.kneighbors(None if queries is None else queries.astype(float), n_neighbors=k)
    return index, distance


def test_same_neighbours_as_scikit_learn() -> None:
    index, distance = reference(POINTS, 90)
    ours = nearest(POINTS, 90)
    assert (ours.index == index).mean() > 0.999  # two that are equally far in single precision may swap
    np.testing.assert_allclose(ours.distance, distance, rtol=1e-4)


def test_neighbours_of_other_points() -> None:
    queries = DRAW.normal(size=(70, 12)).astype(np.float32) + 40
    index, distance = reference(POINTS, 5, queries)
    ours = nearest(POINTS, 5, queries=queries)
    np.testing.assert_array_equal(ours.index, index)
    np.testing.assert_allclose(ours.distance, distance, rtol=1e-4)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nearest(POINTS, 7)
    monkeypatch.setattr(neighbours, "_CELLS", 1)
    monkeypatch.setattr(neighbours, "_ROWS", 33)
    np.testing.assert_array_equal(nearest(POINTS, 7).index, whole.index)


def test_nobody_is_its_own_neighbour_even_among_equals() -> None:
    same = np.ones((6, 3), np.float32)
    index = nearest(same, 5).index
    assert all(row not in index[row] for row in range(6))
    assert index[4].tolist() == [0, 1, 2, 3, 5]  # equally far: by row number


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_any_size_of_numbers(size: float) -> None:
    np.testing.assert_array_equal(nearest((POINTS - 40) * np.float32(size), 5).index, nearest(POINTS - 40, 5).index)


@pytest.mark.parametrize(("count", "k"), [(0, 0), (1, 0), (2, 1), (4, 3)])
def test_few_points_have_few_neighbours(count: int, k: int) -> None:
    assert nearest(POINTS[:count], 10).index.shape == (count, k)


def test_purity_by_hand() -> None:
    line = np.array([[0.0], [1.0], [2.0], [10.0]], np.float32)
    index = nearest(line, 2).index  # 1,2 · 0,2 · 1,0 · 2,1
    labels = np.array([0, 0, 1, 1])
    assert purity(index, labels) == (1 / 2 + 1 / 2 + 0 + 1 / 2) / 4
    assert purity(index, labels, labels == 1) == 1 / 4
    assert purity(index, labels, near=1) == (1 + 1 + 0 + 1) / 4


def test_purity_is_not_made_up() -> None:
    index = nearest(POINTS[:4], 2).index
    assert purity(index, np.zeros(4, np.int64), np.zeros(4, bool)) is None
    assert purity(nearest(POINTS[:1], 2).index, np.zeros(1, np.int64)) is None
