"""From a semantic direction to a weight in [0, 1] for each example of the forget set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError, choices
from lorasteer.records import Direction
from lorasteer.steer.predicate import Column, Comparison
from lorasteer.steer.sentences import similarity
from lorasteer.steer.target import positions, texts
from lorasteer.tasks.data import Data
from lorasteer.tasks.splits import Index, Part, Splits

Weights = NDArray[np.float64]
Features = Callable[[Part, Index], NDArray[Any]]
Similarity = Callable[[str, Sequence[str]], NDArray[Any]]

_DECIMALS = 6  # weights are equal across machines whose sums differ in the last bits, and short in JSON
_SHOWN = 5


class Extremes(NamedTuple):
    """Ids of the forget examples with the highest weights, highest first, and with the lowest, lowest first."""

    highest: tuple[str, ...]
    lowest: tuple[str, ...]


@dataclass(frozen=True)
class Weighing:
    """What a direction makes of a forget set.

    Args:
        weights: Weight of each forget example, 0 … 1, shape [forget], in the order of the split.
        test: Same rule on the test half, shape [forget_test]; None where the test part lacks the attribute.
        wording: The direction in words.
        effective_size: How many examples the weighted set is worth: (sum w)² / sum w², between 1 and the forget set's size.
        extremes: At most five ids at either end.
    """

    weights: Weights
    test: Weights | None
    wording: str
    effective_size: float
    extremes: Extremes


@dataclass(frozen=True)
class _Sample:
    """One half of the target: where it lies in which part."""

    data: Data
    part: Part
    index: Index

    def column(self, name: str) -> Column | None:
        found = self.data.columns(self.part).get(name)
        return None if found is None else found[self.index]


def weigh(
    direction: Direction, data: Data, splits: Splits, features: Features | None = None, *, alike: Similarity = similarity
) -> Weighing:
    """Weigh the examples of a target along a direction.

    A categorical attribute gives weight 1 to its chosen values and 0 to the rest. A continuous attribute is standardised over
    the forget set (z) and gives 1 / (1 + exp(-sharpness z)). Example ids give a concept vector, the difference of the class
    means of standardised features; the projection on it is then treated like a continuous attribute. So is the similarity of
    text to a sentence.

    Args:
        direction: What to weigh by.
        data: Data set of the splits.
        splits: Whose forget set and test half are weighed.
        features: `features(part, positions)` gives the base model's features of these examples, shape [n, d]; needed for
            example ids only.
        alike: `alike(sentence, texts)` gives the similarity of each text to the sentence, shape [n]; for sentences only.

    Raises:
        RequestError: The attribute, a value or an id does not occur; numbers are missing; all examples get one weight; the
            concept vector is zero.
    """
    forget, test = _Sample(data, "train", splits.forget), _Sample(data, "test", splits.forget_test)
    if direction.sentence is not None:
        weights, test_weights, wording = _by_sentence(direction, forget, test, alike)
    elif direction.attribute is None:
        weights, test_weights, wording = _by_examples(direction, forget, test, features)
    elif direction.values or _is_names(direction.attribute, forget):
        weights, test_weights, wording = _by_values(direction, forget, test)
    else:
        weights, test_weights, wording = _by_number(direction, forget, test)
    return Weighing(weights, test_weights, wording, effective_size(weights), _extremes(weights, data.train.ids[splits.forget]))


def effective_size(weights: Weights) -> float:
    """(sum w)² / sum w²: how many equally weighted examples the weighted set is worth.

    Example:
        >>> effective_size(np.array([1.0, 1.0, 0.0, 0.0]))
        2.0
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())


def logistic(scores: NDArray[Any], sharpness: float) -> Weights:
    """1 / (1 + exp(-sharpness * score)), without overflow, rounded to six decimals.

    Args:
        scores: Standardised scores, shape [n].
        sharpness: Slope per standard deviation, above 0.

    Example:
        >>> logistic(np.array([-1.0, 0.0, 1000.0]), 4.0).tolist()
        [0.017986, 0.5, 1.0]
    """
    weights: Weights = np.round(0.5 + 0.5 * np.tanh(0.5 * sharpness * np.asarray(scores, np.float64)), _DECIMALS)
    return weights


def concept_vector(positive: NDArray[Any], negative: NDArray[Any]) -> Weights:
    """Unit vector from the mean of the negative examples to the mean of the positive ones.

    Args:
        positive: Standardised features of examples that show the concept, shape [p, d].
        negative: Of examples that do not, shape [q, d].

    Raises:
        RequestError: The means are equal, so the examples show no direction.

    Example:
        >>> concept_vector(np.array([[4.0, 1.0], [2.0, 1.0]]), np.array([[0.0, -3.0]])).tolist()
        [0.6, 0.8]
    """
    vector: Weights = np.asarray(positive.mean(0) - negative.mean(0), np.float64)
    length = float(np.linalg.norm(vector))
    if not length > 1e-9 * max(1.0, float(np.abs(positive).max()), float(np.abs(negative).max())):
        raise RequestError(
            "the positive and negative examples have the same mean features, so they show no direction. "
            "Choose examples that differ in the concept."
        )
    return vector / length


def _attribute(direction: Direction, sample: _Sample) -> Column:
    name = str(direction.attribute)
    column = sample.column(name)
    if column is None:
        raise RequestError(f"unknown attribute {name!r}. {choices(name, sample.data.columns(sample.part))}")
    return column


def _is_names(name: str, sample: _Sample) -> bool:
    column = sample.column(name)
    return column is not None and column.dtype.kind not in "iuf"


def _by_values(direction: Direction, forget: _Sample, test: _Sample) -> tuple[Weights, Weights | None, str]:
    name, column = str(direction.attribute), _attribute(direction, forget)
    present = np.unique(column).tolist()
    if not direction.values:
        raise RequestError(f"attribute {name!r} holds names; say in values which to forget. {choices('', map(str, present))}")
    _no_order(direction, f"attribute {name!r} with values")
    rule, known = Comparison(name, "in", direction.values), {name: column}
    weights = rule.mask(known, known).astype(np.float64)
    if weights.all():
        raise RequestError(
            f"the direction takes every example of the target: all have {name} in {{{', '.join(direction.values)}}}. "
            "Leave the direction out, or widen the target."
        )
    unseen = test.column(name)
    test_weights = None if unseen is None else rule.mask({name: unseen}, known).astype(np.float64)
    return weights, test_weights, f"{name} in {{{', '.join(direction.values)}}}"


def _by_number(direction: Direction, forget: _Sample, test: _Sample) -> tuple[Weights, Weights | None, str]:
    name = str(direction.attribute)
    column, unseen = _finite(name, forget, _attribute(direction, forget)), test.column(name)
    sign = -1.0 if direction.descending else 1.0
    unseen = None if unseen is None else sign * _finite(name, test, unseen)
    weights, test_weights = _graded(sign * column, unseen, direction.sharpness, f"attribute {name!r}")
    return weights, test_weights, f"{'low' if direction.descending else 'high'} {name}"


def _by_sentence(direction: Direction, forget: _Sample, test: _Sample, alike: Similarity) -> tuple[Weights, Weights | None, str]:
    sentence = str(direction.sentence).strip()
    if direction.values:
        raise RequestError("a direction from a sentence takes no values. Leave values out, or name an attribute.")
    own, unseen = (texts(sample.data, sample.part)[sample.index].tolist() for sample in (forget, test))
    scores = (-1.0 if direction.descending else 1.0) * np.asarray(alike(sentence, [*own, *unseen]), np.float64)
    weights, test_weights = _graded(scores[: len(own)], scores[len(own) :], direction.sharpness, "the likeness to the sentence")
    return weights, test_weights, f"{'unlike' if direction.descending else 'like'} {sentence!r}"


def _by_examples(
    direction: Direction, forget: _Sample, test: _Sample, features: Features | None
) -> tuple[Weights, Weights | None, str]:
    _no_order(direction, "a direction from example ids")
    if direction.values:
        raise RequestError("a direction from example ids takes no values. Leave values out, or name an attribute.")
    positive = positions(direction.positive, forget.data.train.ids, what="positive ids")
    negative = positions(direction.negative, forget.data.train.ids, what="negative ids")
    both = np.intersect1d(positive, negative)
    if len(both):
        raise RequestError(f"id {str(forget.data.train.ids[both[0]])!r} is both positive and negative. List it once.")
    if features is None:
        raise RequestError("a direction from example ids needs the base model's features. Load a base model first.")
    standard = _Standard.of(np.asarray(features("train", forget.index), np.float64))
    vector = concept_vector(standard(features("train", positive)), standard(features("train", negative)))
    own = standard(features("train", forget.index)) @ vector
    unseen = standard(features("test", test.index)) @ vector if len(test.index) else np.empty(0)
    weights, test_weights = _graded(own, unseen, direction.sharpness, "the concept")
    return weights, test_weights, f"concept of {len(positive)} positive and {len(negative)} negative examples"


@dataclass(frozen=True)
class _Standard:
    """Mean and standard deviation of features over the forget set; features that do not vary there count as 0."""

    mean: Weights
    scale: Weights

    @classmethod
    def of(cls, features: Weights) -> _Standard:
        spread = features.std(0)
        varies = spread > 1e-6 * spread.max(initial=0.0)
        return cls(features.mean(0), np.divide(1.0, spread, out=np.zeros_like(spread), where=varies))

    def __call__(self, features: NDArray[Any]) -> Weights:
        scaled: Weights = (np.asarray(features, np.float64) - self.mean) * self.scale
        return scaled


def _graded(scores: NDArray[Any], unseen: NDArray[Any] | None, sharpness: float, what: str) -> tuple[Weights, Weights | None]:
    mean, spread = float(scores.mean()), float(scores.std())
    if not spread > 1e-9 * max(1.0, float(np.abs(scores).max())):
        raise RequestError(
            f"{what} has the same value on all {len(scores)} examples of the target, so it gives no direction. "
            "Choose another one, or leave the direction out."
        )
    return logistic((scores - mean) / spread, sharpness), (
        None if unseen is None else logistic((unseen - mean) / spread, sharpness)
    )


def _finite(name: str, sample: _Sample, column: Column) -> Weights:
    if column.dtype.kind not in "iuf":
        raise RequestError(f"attribute {name!r} holds numbers in train but names in {sample.part}. Give it one type.")
    values: Weights = column.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        first = getattr(sample.data, sample.part).ids[sample.index[bad[0]]]
        raise RequestError(
            f"attribute {name!r} is not finite on {len(bad)} {sample.part} examples of the target, the first is {str(first)!r}. "
            "Fill it in, or narrow the target."
        )
    return values


def _no_order(direction: Direction, what: str) -> None:
    if direction.descending:
        raise RequestError(f"descending says nothing for {what}; it turns a continuous attribute around. Leave it out.")


def _extremes(weights: Weights, ids: NDArray[np.str_]) -> Extremes:
    order = np.argsort(weights, kind="stable")
    highest = np.argsort(-weights, kind="stable")
    return Extremes(tuple(ids[highest[:_SHOWN]].tolist()), tuple(ids[order[:_SHOWN]].tolist()))
