"""What the frozen part of a language model says about the examples of a data set, computed once per example and remembered.

A token's hidden state is one row; rows lie in memory up to a budget, or in a folder when one is given or the budget is passed,
keyed by the digests of base and inputs. Examples go through the model in blocks whose shape follows from the example's length
alone, so its numbers do not depend on which others were asked for with it. Whoever knows beforehand what will be asked for lets
it be computed at once (`warm`): then blocks are full, and one pass gives the states on the way and those at the end.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lorasteer.tasks.activations import MEMORY_BUDGET, check_halt
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.inputs import IGNORED, TextInputs, Tokens
from lorasteer.tasks.language.network import Network, Start
from lorasteer.tasks.rows import DiskRows, MemoryRows, RowStore
from lorasteer.tasks.splits import Index, Part

BLOCK, BLOCK_GPU = 4, 8  # examples per forward pass of the frozen part: so many that a processor's caches hold them
STEP, STEP_GPU = 8, 16  # their common length is a multiple of this


@dataclass(frozen=True)
class TokenRows:
    """Rows of some tokens of every example of a part, in a store.

    Args:
        store: Where they lie.
        first: Place of each example's first row; one more for the end of the last, shape [examples + 1].
    """

    store: RowStore
    first: Index

    def places(self, index: Index) -> Index:
        """Places of all rows of these examples, one example after the other."""
        counts = self.first[index + 1] - self.first[index]
        ends = np.cumsum(counts)
        places: Index = np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(self.first[index] - ends + counts, counts)
        return places

    def missing(self, index: Index) -> Index:
        """Those of the examples that have no rows yet, each once, sorted."""
        places = self.store.missing(self.places(np.unique(index)))
        return np.unique(np.searchsorted(self.first, places, side="right") - 1)

    def take(self, index: Index) -> Tensor:
        """Rows of these examples, shape [rows, width]."""
        return self.store.take(self.places(index))[0]


@dataclass
class TextActivations:
    """Remembered hidden states that enter one block.

    Args:
        memory: Base, inputs, and where rows lie.
        depth: Number of the block; 0 where nothing is remembered, since the first block comes right after the embeddings.
    """

    memory: TextMemory
    depth: int
    seconds: float = 0.0
    """Time spent computing states that were not remembered, in total."""

    def start(self, part: Part, index: Index) -> Start | None:
        """Where a forward pass of these examples begins, for `Network.hidden`; None at depth 0."""
        return (self.depth, self.states(part, index)) if self.depth else None

    def states(self, part: Part, index: Index) -> Tensor:
        """States that enter the block, zero at padding, shape [batch, length, width]; missing ones are computed first.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [batch].
        """
        index = np.asarray(index, np.int64)
        lengths = self.memory.inputs.lengths(part)[index]
        flat = self.warm(part, index).take(index).to(self.memory.network.device, self.memory.network.dtype)
        padded = flat.new_zeros(len(index), int(lengths.max(initial=0)), flat.shape[1])
        padded[torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None]).to(flat.device)] = flat
        return padded

    def warm(self, part: Part, index: Index) -> TokenRows:
        """Compute now what is missing for these examples.

        Raises:
            ValueError: The depth is 0; there is nothing to remember.
        """
        if not self.depth:
            raise ValueError("at depth 0 nothing is remembered; begin at the tokens")
        rows = self.rows(part)
        self.seconds += self.memory.complete([rows], part, index, lambda tokens: [self.entering(tokens)])
        return rows

    def rows(self, part: Part) -> TokenRows:
        """Where the states of a part's examples lie."""
        return self.memory.rows(f"before {self.depth}", part, self.memory.inputs.lengths(part))

    def entering(self, tokens: Tokens) -> States:
        """States that enter the block, computed, and which of them stand at real tokens."""
        return self.memory.network.hidden(tokens, layer=self.depth - 1), tokens.mask.bool()


States = tuple[Tensor, Tensor]
"""Hidden states of a batch, [batch, length, width], and which of them are wanted, bool [batch, length]."""


@dataclass
class TextMemory:
    """All that is remembered of one base and its examples.

    Args:
        base: The frozen model.
        inputs: The examples.
        folder: Where rows lie on disk; None keeps them in memory up to the budget.
        memory_budget: Bytes of rows of each kind and part to hold in memory before they go to disk.
    """

    base: Base
    inputs: TextInputs
    folder: Path | None = None
    memory_budget: int = MEMORY_BUDGET
    _rows: dict[tuple[str, Part], TokenRows] = field(default_factory=dict)
    _by_depth: dict[int, TextActivations] = field(default_factory=dict)
    _spill: Path | None = None
    _reference_seconds: float = 0.0

    @cached_property
    def network(self) -> Network:
        """Decoder, blocks and head of the base."""
        return Network.of(self.base.model)

    def before(self, layers: Sequence[str]) -> TextActivations:
        """States before the first block that one of these layers changes; depth 0 where none is named.

        Raises:
            PlanError: A layer is no module of the model.
        """
        depth = self.network.depth(layers)
        return self._by_depth.setdefault(depth, TextActivations(self, depth))

    def reference(self, part: Part, index: Index, *, layer: int | None = None) -> Tensor:
        """Hidden states of the base where answer tokens are predicted, computed once per example.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [batch].
            layer: Block whose output is wanted; the last, normed states where left out.

        Returns:
            Shape [n, width], in the order of `Tokens.targets` of these examples.
        """
        index = np.asarray(index, np.int64)
        rows = self._said_rows(part, layer)
        self._reference_seconds += self.complete([rows], part, index, lambda tokens: [self._said(tokens, layer)])
        return rows.take(index).to(self.network.device, self.network.dtype)

    def warm(self, part: Part, index: Index, activations: TextActivations, *, layer: int | None = None) -> None:
        """Compute now what is missing of both: the states that enter a block, and what the base says behind it.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [n].
            activations: The states; nothing of them is kept at depth 0.
            layer: Block whose output is wanted as reference, none before `activations.depth`; the last where left out.

        Raises:
            Interrupted: A person asked for it, through `halting`; rows computed so far stay.
        """
        said = self._said_rows(part, layer)
        if activations.depth:
            before, wanted = activations.rows(part), np.asarray(index, np.int64)
            both = np.intersect1d(before.missing(wanted), said.missing(wanted))

            def states(tokens: Tokens) -> list[States]:
                entering, real = activations.entering(tokens)
                return [(entering, real), self._said(tokens, layer, (activations.depth, entering))]

            activations.seconds += self.complete([before, said], part, both, states)
            activations.warm(part, index)
        self._reference_seconds += self.complete([said], part, index, lambda tokens: [self._said(tokens, layer)])

    def _said_rows(self, part: Part, layer: int | None) -> TokenRows:
        kind = "reference" if layer is None else f"reference {layer}"
        return self.rows(kind, part, self.inputs.answer_lengths(part))

    def _said(self, tokens: Tokens, layer: int | None, start: Start | None = None) -> States:
        """Hidden states of the base, and which of them predict answer tokens."""
        wanted = torch.zeros_like(tokens.mask, dtype=torch.bool)
        wanted[:, :-1] = tokens.labels[:, 1:] != IGNORED
        return self.network.hidden(tokens, start=start, layer=layer), wanted

    @property
    def seconds(self) -> float:
        """Time spent computing so far, over all depths and references."""
        return self._reference_seconds + sum(activations.seconds for activations in self._by_depth.values())

    def rows(self, kind: str, part: Part, counts: Index) -> TokenRows:
        """The rows of one kind, of all examples of a part.

        Args:
            kind: What they are, part of the key they are found by.
            part: Part of the data.
            counts: Rows of each example, shape [examples].
        """
        if (kind, part) not in self._rows:
            first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            total = int(first[-1])
            if self.folder is None and total * self.network.width * 4 <= self.memory_budget:
                store: RowStore = MemoryRows(total)
            else:
                store = DiskRows(self._folder() / self._key(kind) / part, total)
            self._rows[kind, part] = TokenRows(store, first)
        return self._rows[kind, part]

    def complete(
        self, rows: Sequence[TokenRows], part: Part, index: Index, states: Callable[[Tokens], Sequence[States]]
    ) -> float:
        """Compute the rows that are missing for some examples.

        Args:
            rows: Where they belong: of one or several kinds, of which an example lacks all or none.
            part: Part the positions belong to.
            index: Positions, shape [n].
            states: Rows of each kind, from a batch.

        Returns:
            Seconds it took.

        Raises:
            Interrupted: A person asked for it, through `halting`; rows computed so far stay.
        """
        missing = rows[0].missing(np.asarray(index, np.int64))
        started, done = time.perf_counter(), 0
        size, step = (BLOCK, STEP) if self.network.device.type == "cpu" else (BLOCK_GPU, STEP_GPU)
        for block in _blocks(missing, self.inputs.lengths(part), size, step):
            check_halt(done, len(missing))
            tokens = _filled(self.inputs.tokens(part, block), size, step)
            with torch.no_grad():
                found = states(tokens)
            for one, (hidden, wanted) in zip(rows, found, strict=True):
                kept = hidden[: len(block)][wanted[: len(block)].to(hidden.device)]
                one.store.append(one.places(block), [kept if isinstance(one.store, MemoryRows) else kept.float().cpu()])
            done += len(block)
        return time.perf_counter() - started if done else 0.0

    def _folder(self) -> Path:
        if self.folder is not None:
            return self.folder
        if self._spill is None:
            self._spill = Path(tempfile.mkdtemp(prefix="lorasteer-"))
            weakref.finalize(self, shutil.rmtree, self._spill, ignore_errors=True)
        return self._spill

    def _key(self, kind: str) -> str:
        return hashlib.sha256(f"{self.base.digest} {self.inputs.digest} {kind}".encode()).hexdigest()[:32]


def _blocks(index: Index, lengths: Index, size: int, step: int) -> Iterator[Index]:
    """Examples that go through the model together: of the same length once it is rounded up."""
    rounded = -(-lengths[index] // step)
    for length in np.unique(rounded):
        alike = index[rounded == length]
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def _filled(tokens: Tokens, size: int, step: int) -> Tokens:
    """The batch with its last example repeated up to the block's size, padded to the rounded length."""
    rows = torch.arange(size).clamp(max=len(tokens) - 1)
    more = -tokens.ids.shape[1] % step
    ids, mask = (functional.pad(table[rows], (0, more)) for table in (tokens.ids, tokens.mask))
    return Tokens(ids, mask, functional.pad(tokens.labels[rows], (0, more), value=IGNORED))
