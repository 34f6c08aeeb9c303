"""Which examples are forgotten, retained, held out: index sets with a digest that is written into every result."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError

Index = NDArray[np.int64]
Part = Literal["train", "test"]


@dataclass(frozen=True)
class Holdout:
    """Examples the base model was not trained on and tests do not use: they steer early stops.

    Args:
        part: Part of the data they were taken from; `test` for a base whose training examples are all spoken for.
        index: Their positions in that part.
    """

    part: Part
    index: Index


def hold_out(labels: NDArray[np.int64], share: float, *, part: Part, seed: int) -> Holdout:
    """Draw a class-balanced share of a part.

    Args:
        labels: Class numbers of the whole part, shape [n].
        share: Share of each class to hold out, 0 <= share < 1; at least one example of each class when above 0.
        part: Part the labels belong to.
        seed: Same seed, same examples.
    """
    generator = np.random.default_rng(seed)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(labels) if share > 0 else ():
        members = np.flatnonzero(labels == label)
        chosen.append(generator.choice(members, max(1, round(share * len(members))), replace=False))
    return Holdout(part, np.sort(np.concatenate(chosen)))


@dataclass(frozen=True)
class Splits:
    """Index sets of one request on one data set; disjoint, and together the whole data set but for what others forget beside it.

    Args:
        forget: Training examples to remove, positions in train.
        retain: Training examples to keep, positions in train.
        forget_test: Test examples that meet the same criterion, positions in test; empty where the criterion names examples.
        retain_test: The other test examples, positions in test.
        validation: Examples neither trained on nor tested with.
        data: Digest of the data set.
    """

    forget: Index
    retain: Index
    forget_test: Index
    retain_test: Index
    validation: Holdout
    data: str

    @cached_property
    def digest(self) -> str:
        """sha256 over the data digest and all index sets."""
        total = hashlib.sha256(f"{self.data} {self.validation.part}".encode())
        for index in (self.forget, self.retain, self.forget_test, self.retain_test, self.validation.index):
            total.update(len(index).to_bytes(8, "little"))
            total.update(np.ascontiguousarray(index, np.int64).tobytes())
        return total.hexdigest()

    def sizes(self) -> dict[str, int]:
        """Number of examples in each index set, by name."""
        named = {name: len(getattr(self, name)) for name in ("forget", "retain", "forget_test", "retain_test")}
        return {**named, "validation": len(self.validation.index)}


def make_splits(
    train_chosen: NDArray[np.bool_], test_chosen: NDArray[np.bool_], validation: Holdout, *, data: str, wording: str
) -> Splits:
    """Splits for the examples a criterion chose.

    Args:
        train_chosen: Whether each training example meets the criterion, shape [train].
        test_chosen: Whether each test example does, shape [test]; all False where the criterion names training examples.
        validation: Held-out examples; they are taken out of the other sets.
        data: Digest of the data set.
        wording: The criterion in words, for error messages.

    Raises:
        RequestError: Nothing, or everything, would be forgotten.
    """
    train_free, test_free = np.ones(len(train_chosen), bool), np.ones(len(test_chosen), bool)
    (train_free if validation.part == "train" else test_free)[validation.index] = False
    forget, retain = np.flatnonzero(train_chosen & train_free), np.flatnonzero(~train_chosen & train_free)
    if len(forget) == 0:
        raise RequestError(
            f"target {wording} selects none of the {int(train_free.sum())} training examples. "
            "Name a class, attribute value or id that occurs in the training set."
        )
    if len(retain) == 0:
        raise RequestError(
            f"target {wording} selects all {len(forget)} training examples; nothing would be retained. "
            "Narrow the target, or train a new model instead."
        )
    return Splits(
        forget, retain, np.flatnonzero(test_chosen & test_free), np.flatnonzero(~test_chosen & test_free), validation, data
    )


def beside(splits: Splits, others: Sequence[Splits]) -> Splits:
    """The same forget set where others are forgotten as well: their examples are neither forgotten nor retained here.

    Args:
        splits: Of the request.
        others: Of the requests that are in force beside it.

    Raises:
        RequestError: Nothing would be retained.
    """
    if not others:
        return splits
    train, test = (np.concatenate([getattr(other, name) for other in others]) for name in ("forget", "forget_test"))
    retain, retain_test = np.setdiff1d(splits.retain, train), np.setdiff1d(splits.retain_test, test)
    if not len(retain):
        raise RequestError(
            f"the targets select all {len(splits.forget) + len(splits.retain)} training examples between them; nothing would be "
            "retained. Narrow the target, or drop an earlier one."
        )
    return replace(splits, retain=retain, retain_test=retain_test)
