"""The principal axes of features, found once and kept: the first picture, and the start of every other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_EXACT = 128  # up to this many rows or columns, all axes are computed
_MORE = 10  # axes carried along beyond those wanted
_ROUNDS = 6


@dataclass(frozen=True)
class Basis:
    """Principal axes of the features that it was made of; other features are seen along the same axes.

    Args:
        mean: Middle of the features, float32[d].
        axes: Orthonormal axes, the widest first, float32[dims, d]. Each points where its largest entry is positive.

    Example:
        >>> cloud = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=np.float32)
        >>> Basis.of(cloud).apply(cloud[:2])[:, 0].tolist()
        [-2.0, 2.0]
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32], dims: int = 2, *, seed: int = 0) -> Basis:
        """Find the principal axes.

        Args:
            features: Finite numbers, float32[n, d], n >= 1.
            dims: Axes wanted; at most n or d come back.
            seed: Of the random start where not all axes are computed. Same features and seed, same axes.
        """
        rows = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        mean = rows.mean(0)
        dims = min(dims, *rows.shape)
        axes = _axes(rows - mean, dims, seed)
        strongest = axes.abs().argmax(1, keepdim=True)
        signed = torch.where(axes.gather(1, strongest) < 0, -axes, axes)
        return cls(mean.numpy(), signed.float().contiguous().numpy())

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features along these axes, float32[n, dims]."""
        rows = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        return ((rows - torch.from_numpy(self.mean)) @ torch.from_numpy(self.axes).T).numpy()

    def picture(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features along the first two axes, float32[n, 2]; zeros where there is no second axis."""
        flat = self.apply(features)[:, :2]
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _axes(centred: Tensor, dims: int, seed: int) -> Tensor:
    if min(centred.shape) <= max(_EXACT, dims + _MORE):
        every: Tensor = torch.linalg.svd(centred.double(), full_matrices=False).Vh
        return every[:dims]
    return _leading(centred, dims, seed)


def _leading(centred: Tensor, dims: int, seed: int) -> Tensor:
    """Leading right singular vectors by randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    start = torch.randn(centred.shape[1], dims + _MORE, generator=torch.Generator().manual_seed(seed))
    span = torch.linalg.qr(start).Q
    for _ in range(_ROUNDS):
        span = torch.linalg.qr(centred.T @ (centred @ span)).Q
    seen = (centred @ span).double()
    turned: Tensor = torch.linalg.eigh(seen.T @ seen).eigenvectors
    axes: Tensor = (span.double() @ turned.flip(1)[:, :dims]).T
    return axes
