"""What the frozen part of a model says about the examples of a data set, computed once per example and remembered.

Remembered rows are keyed by the digest of the base, of the data and of the cut, so nothing stale is ever read. Rows lie in memory
up to a budget, or in a folder when one is given or the budget is passed. Examples are pushed through in blocks of one fixed size,
the last one filled up, so the numbers of an example do not depend on which others were asked for with it. Between two blocks a
person may halt the work; what was computed by then stays remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from lorasteer.errors import Interrupted, PlanError
from lorasteer.tasks.base import Base
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.prefix import Cut, Rows, find_cut, record
from lorasteer.tasks.rows import DiskRows, MemoryRows, RowStore
from lorasteer.tasks.splits import Index, Part

MEMORY_BUDGET = 1 << 30  # bytes
FORWARD = 1024  # examples per forward pass without gradients
BLOCK = 128  # examples per forward pass of the frozen part
_PROBE = 4
_HALT: ContextVar[Callable[[], bool]] = ContextVar("halt", default=lambda: False)


@contextlib.contextmanager
def halting(asked: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, in this thread, rows that are not remembered yet are computed only until `asked` says so.

    Raises:
        Interrupted: It said so while rows were computed.
    """
    token = _HALT.set(asked)
    try:
        yield
    finally:
        _HALT.reset(token)


class Inputs(Protocol):
    """Examples of a data set as a model reads them."""

    @property
    def digest(self) -> str:
        """sha256 of the data and of how it is turned into input."""
        ...

    def size(self, part: Part) -> int:
        """Number of examples in a part."""
        ...

    def batch(self, part: Part, index: Index) -> Tensor:
        """Model input of these examples, shape [n, ...]."""
        ...

    def labels(self, part: Part, index: Index) -> Tensor:
        """Class numbers of these examples, int64, shape [n]."""
        ...


@dataclass
class Activations:
    """Remembered activations of one base, one data set and one cut.

    Args:
        base: The frozen model.
        inputs: The examples.
        cut: Where the model is cut.
        folder: Where rows lie on disk; None keeps them in memory up to the budget.
        memory_budget: Bytes of rows to hold in memory before they go to disk.
    """

    base: Base
    inputs: Inputs
    cut: Cut
    folder: Path | None = None
    memory_budget: int = MEMORY_BUDGET
    seconds: float = 0.0
    """Time spent computing rows that were not remembered, in total."""
    _stores: dict[Part, RowStore] = field(default_factory=dict)
    _spill: Path | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one model input."""
        return tuple(self.inputs.batch("train", np.zeros(1, np.int64)).shape[1:])

    def rows(self, part: Part, index: Index) -> Rows:
        """Rows of these examples; those not remembered yet are computed first.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [n].

        Returns:
            One tensor per argument of the boundary, each of shape [n, ...].
        """
        index = np.asarray(index, np.int64)
        if not self.cut.boundary:
            return [self.inputs.batch(part, index)]
        store = self._store(part)
        missing = store.missing(index)
        if len(missing):
            started = time.perf_counter()
            for start in range(0, len(missing), BLOCK):
                check_halt(start, len(missing))
                block = missing[start : start + BLOCK]
                store.append(block, self._compute(part, block))
            self.seconds += time.perf_counter() - started
        return store.take(index)

    def blocks(self, part: Part, index: Index) -> Iterator[Rows]:
        """The same a block at a time: as many as go through a model together."""
        for start in range(0, len(index), FORWARD):
            yield self.rows(part, index[start : start + FORWARD])

    def _compute(self, part: Part, block: Index) -> Rows:
        filled = np.concatenate([block, np.repeat(block[-1:], BLOCK - len(block))])
        return [row[: len(block)] for row in record(self.base.model, self.cut, self.inputs.batch(part, filled))]

    def _store(self, part: Part) -> RowStore:
        if part not in self._stores:
            size = self.inputs.size(part)
            if self.folder is None and size * self._row_bytes() <= self.memory_budget:
                self._stores[part] = MemoryRows(size)
            else:
                self._stores[part] = DiskRows(self._folder() / self.key / part, size)
        return self._stores[part]

    def _folder(self) -> Path:
        if self.folder is not None:
            return self.folder
        if self._spill is None:
            self._spill = Path(tempfile.mkdtemp(prefix="lorasteer-"))
            weakref.finalize(self, shutil.rmtree, self._spill, ignore_errors=True)
        return self._spill

    def _row_bytes(self) -> int:
        rows = record(self.base.model, self.cut, self.inputs.batch("train", np.zeros(2, np.int64)))
        return sum(row[0].numel() * 4 for row in rows)

    @property
    def key(self) -> str:
        """Name of these rows: digest of base, data and cut."""
        return hashlib.sha256(f"{self.base.digest} {self.inputs.digest} {self.cut.boundary}".encode()).hexdigest()[:32]


def check_halt(done: int, of: int) -> None:
    """Stop between two blocks of examples where the person who waits for them has asked for it.

    Args:
        done: Examples that are remembered by now.
        of: Examples that were asked for.

    Raises:
        Interrupted: It was asked for, through `halting`.
    """
    if _HALT.get()():
        raise Interrupted(
            f"stopped while {of} examples went through the frozen part; {done} of them stay remembered. "
            "Do the same again to go on."
        )


@dataclass
class Memory:
    """All activations of one base and data set, one `Activations` for each cut asked for.

    Args:
        base: The frozen model.
        inputs: The examples.
        folder: Where rows lie on disk; None keeps them in memory.
        memory_budget: Bytes of rows per part to hold in memory.
    """

    base: Base
    inputs: Inputs
    folder: Path | None = None
    memory_budget: int = MEMORY_BUDGET
    _cuts: dict[tuple[str, ...], Cut] = field(default_factory=dict)
    _by_boundary: dict[str, Activations] = field(default_factory=dict)

    def before(self, layers: Sequence[str]) -> Activations:
        """Activations at the deepest paying cut before these layers.

        Raises:
            PlanError: A layer is no module of the model.
        """
        head = self._head
        key = head if layers and set(layers) <= set(head) else tuple(layers)  # one set of rows for all changes of the head
        if key not in self._cuts:
            self._cuts[key] = find_cut(self.base.model, key, self.inputs.batch("train", np.arange(_PROBE)))
        cut = self._cuts[key]
        if cut.boundary not in self._by_boundary:
            self._by_boundary[cut.boundary] = Activations(self.base, self.inputs, cut, self.folder, self.memory_budget)
        return self._by_boundary[cut.boundary]

    @cached_property
    def _head(self) -> tuple[str, ...]:
        try:
            return classifier_head(self.base.model)
        except PlanError:
            return ()

    @property
    def seconds(self) -> float:
        """Time spent computing activations so far, over all cuts."""
        return sum(activations.seconds for activations in self._by_boundary.values())
