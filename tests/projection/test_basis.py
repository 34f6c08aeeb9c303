"""The axes are the principal ones, have a fixed sign, and stay."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from lorasteer.projection.basis import Basis


def stretched(rows: int, columns: int) -> np.ndarray:
    draw = np.random.default_rng(1)
    widths = 10 * 0.7 ** np.arange(columns)
    turned = np.linalg.qr(draw.normal(size=(columns, columns)))[0]
    return (draw.normal(size=(rows, columns)) * widths @ turned + 5).astype(np.float32)


@pytest.mark.parametrize("columns", [20, 300])
def test_same_axes_as_scikit_learn(columns: int) -> None:
    cloud = stretched(400, columns)
    ours, theirs = Basis.of(cloud, 5), PCA(5, svd_solver="full").fit(cloud.astype(float))
    along = np.abs((ours.axes * theirs.components_).sum(1))
    np.testing.assert_allclose(along, 1, atol=1e-3)


@pytest.mark.parametrize("columns", [20, 300])
def test_sign_and_numbers_do_not_depend_on_the_day(columns: int) -> None:
    cloud = stretched(400, columns)
    one, other = Basis.of(cloud), Basis.of(cloud)
    np.testing.assert_array_equal(one.axes, other.axes)
    strongest = np.abs(one.axes).argmax(1)
    assert (one.axes[range(2), strongest] > 0).all()
    turned = Basis.of(-cloud)
    np.testing.assert_allclose(turned.axes, one.axes, atol=1e-3)


def test_other_features_are_seen_along_the_same_axes() -> None:
    cloud = stretched(100, 20)
    basis = Basis.of(cloud)
    np.testing.assert_allclose(basis.apply(cloud + basis.axes[0])[:, 0], basis.apply(cloud)[:, 0] + 1, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 4), (5, 1), (1, 1), (3, 2)])
def test_a_picture_has_two_columns_whatever_the_features(shape: tuple[int, int]) -> None:
    cloud = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert Basis.of(cloud).picture(cloud).shape == (shape[0], 2)


def test_features_all_alike_are_one_point() -> None:
    cloud = np.ones((30, 200), np.float32)
    assert not Basis.of(cloud).picture(cloud).any()
