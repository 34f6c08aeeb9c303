"""The examples that shadow models are trained on: those under suspicion, those nobody trained on, and others beside them.

A membership attack asks of *members* (forget examples) whether they can be told from *others* (examples of the same kind that the
measured model never saw). Shadow models are trained on random halves of both, and of retained examples beside them, so that for
each of them it is known what a model says that was trained on it, and what one says that was not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.tasks.activations import FORWARD, Inputs
from lorasteer.tasks.splits import Index, Part

Piece = tuple[Part, Index]


@dataclass(frozen=True)
class Pool:
    """Examples by role. As `Inputs`, `train` is the pool (members, then others, then those beside) and `test` the data's own.

    Args:
        inputs: The data set they come from.
        members: Forget examples, positions in train.
        others: Examples of the same classes that the measured models never saw, with their parts.
        beside: Retained examples, positions in train.
    """

    inputs: Inputs
    members: Index
    others: tuple[Piece, ...]
    beside: Index

    @classmethod
    def on(cls, ground: Ground, *, candidates: int, beside: int) -> Pool:
        """The pool of a ground, the same for every subject.

        Args:
            ground: Where the examples come from.
            candidates: Members, and others, at most; the others of each part are drawn in proportion.
            beside: Retained examples at most.
        """
        forget, unseen = _matched(ground)
        total = sum(len(index) for _, index in unseen)
        shares = [round(len(index) * min(1.0, candidates / max(1, total))) for _, index in unseen]
        others = [(part, ground.drawn(index, n, f"others {part}")) for (part, index), n in zip(unseen, shares, strict=True) if n]
        members = ground.drawn(forget, candidates, "members")
        return cls(ground.inputs, members, tuple(others), ground.drawn(ground.splits.retain, beside, "beside"))

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All examples in their order."""
        return ("train", self.members), *self.others, ("train", self.beside)

    @property
    def candidates(self) -> int:
        """How many members and others there are; they come first."""
        return len(self.members) + sum(len(index) for _, index in self.others)

    def __len__(self) -> int:
        return self.candidates + len(self.beside)

    @cached_property
    def digest(self) -> str:
        """sha256 of the data and of which of its examples these are."""
        total = hashlib.sha256(self.inputs.digest.encode())
        for part, index in self.pieces:
            total.update(f" {part} {len(index)} ".encode() + np.ascontiguousarray(index, np.int64).tobytes())
        return total.hexdigest()

    def size(self, part: Part) -> int:
        """Number of examples of the pool, or of the data's test part."""
        return len(self) if part == "train" else self.inputs.size(part)

    def batch(self, part: Part, index: Index) -> Tensor:
        """Model input of these examples, shape [n, ...]."""
        if part == "test":
            return self.inputs.batch(part, index)
        gathered = [(places, self.inputs.batch(where, at)) for where, at, places in self._located(index)]
        return _in_order(gathered, len(index)) if gathered else self.inputs.batch("train", np.empty(0, np.int64))

    def labels(self, part: Part, index: Index) -> Tensor:
        """Class numbers of these examples, int64, shape [n]."""
        if part == "test":
            return self.inputs.labels(part, index).long()
        gathered = [(places, self.inputs.labels(where, at).long()) for where, at, places in self._located(index)]
        return _in_order(gathered, len(index)) if gathered else torch.empty(0, dtype=torch.int64)

    @cached_property
    def classes(self) -> Tensor:
        """Class number of each candidate, int64, shape [candidates]."""
        return self.labels("train", np.arange(self.candidates))

    def _located(self, index: Index) -> Iterator[tuple[Part, Index, Index]]:
        """Part and positions in the data of some examples of the pool, and their places among the asked ones."""
        start = 0
        for part, positions in self.pieces:
            places = np.flatnonzero((index >= start) & (index < start + len(positions)))
            if len(places):
                yield part, positions[index[places] - start], places
            start += len(positions)

    def ask(self, ground: Ground, subject: Subject) -> Tensor:
        """A subject's logits on the candidates, float32, shape [candidates, classes]."""
        return torch.cat([ground.logits(subject, part, index) for part, index in self.pieces[:-1]])

    def blocks(self) -> Iterator[Index]:
        """Places in the pool, as many at a time as go through a model together."""
        for start in range(0, len(self), FORWARD):
            yield np.arange(start, min(len(self), start + FORWARD))


def _in_order(gathered: list[tuple[Index, Tensor]], n: int) -> Tensor:
    first = gathered[0][1]
    whole = torch.empty(n, *first.shape[1:], dtype=first.dtype)
    for places, rows in gathered:
        whole[torch.from_numpy(places)] = rows
    return whole


def _matched(ground: Ground) -> tuple[Index, tuple[Piece, ...]]:
    """Forget examples, and unseen ones of their classes.

    Unseen are those of the target in the test set, with the held-out ones where a class is forgotten whole, for then these meet
    the target too; without test examples of the target, the held-out and test examples of the forgotten classes.
    """
    splits, held = ground.splits, ground.splits.validation
    mine = np.unique(ground.labels("train", splits.forget).numpy())

    def of_mine(part: Part, index: Index) -> Index:
        return index[np.flatnonzero(np.isin(ground.labels(part, index).numpy(), mine))]

    held_out = of_mine(held.part, held.index)
    if len(splits.forget_test):
        whole = not len(of_mine("train", splits.retain)) and not len(of_mine("test", splits.retain_test))
        unseen: tuple[Piece, ...] = (("test", splits.forget_test), *([(held.part, held_out)] if whole else []))
    else:
        unseen = ((held.part, held_out), ("test", of_mine("test", splits.retain_test)))
    unseen = tuple((part, index) for part, index in unseen if len(index))
    theirs = [ground.labels(part, index).numpy() for part, index in unseen]
    known = np.isin(ground.labels("train", splits.forget).numpy(), np.concatenate(theirs) if theirs else [])
    return splits.forget[np.flatnonzero(known)], unseen
