"""Directions: weights worked by hand, a planted concept, and a clear line for what gives no direction."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lorasteer.errors import RequestError
from lorasteer.records import Direction, Target
from lorasteer.steer.direction import effective_size, logistic, weigh
from lorasteer.steer.target import splits_for
from lorasteer.tasks.splits import Holdout, Splits
from lorasteer.tasks.vision.data import Examples, ImageData
from tests.steer.toy import CLASSES, examples


@pytest.fixture
def splits(data: ImageData, holdout: Holdout) -> Splits:
    """All cats: training examples 3, 6, 9 … 33 (0 is held out) and test examples 0, 3 … 15."""
    return splits_for(Target(classes=("cat",)), data, holdout, 0)


def with_attribute(data: ImageData, name: str, train: NDArray, test: NDArray) -> ImageData:
    parts = ((data.train, train), (data.test, test))
    one, two = (replace(part, attributes={**part.attributes, name: column}) for part, column in parts)
    return replace(data, train=one, test=two)


def test_values_of_an_attribute_get_weight_one(data: ImageData, splits: Splits) -> None:
    """Training cats at 3, 6 … 33 alternate domestic, tabby …: 5 of 11 are tabby cats, 3 of 6 in the test half."""
    found = weigh(Direction(attribute="subname", values=("tabby_cat",)), data, splits)
    assert found.weights.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert found.test is not None
    assert found.test.tolist() == [1, 0, 1, 0, 1, 0]
    assert found.effective_size == 5
    assert found.extremes.highest == ("train-6", "train-12", "train-18", "train-24", "train-30")
    assert found.extremes.lowest == ("train-3", "train-9", "train-15", "train-21", "train-27")
    assert found.wording == "subname in {tabby_cat}"


def test_a_number_is_weighed_by_the_logistic_of_its_standard_score(data: ImageData, splits: Splits) -> None:
    """Slant over the 11 cats is evenly spaced: z = (k - 5) / sqrt(10) for k = 0 … 10, so the middle one weighs 1/2."""
    found = weigh(Direction(attribute="slant", sharpness=2), data, splits)
    z = (np.arange(11) - 5) / np.sqrt(10)
    assert found.weights == pytest.approx(1 / (1 + np.exp(-2 * z)), abs=1e-6)
    assert found.weights[5] == 0.5
    assert found.extremes.highest[0] == "train-33"
    assert found.extremes.lowest[0] == "train-3"


def test_the_test_half_uses_the_statistics_of_the_forget_set(data: ImageData, splits: Splits) -> None:
    column, unseen = data.train.attributes["slant"][splits.forget], data.test.attributes["slant"][splits.forget_test]
    found = weigh(Direction(attribute="slant"), data, splits)
    assert found.test == pytest.approx(1 / (1 + np.exp(-4 * (unseen - column.mean()) / column.std())), abs=1e-6)


def test_descending_turns_the_weights_around(data: ImageData, splits: Splits) -> None:
    up, down = (weigh(Direction(attribute="slant", descending=flag), data, splits) for flag in (False, True))
    assert up.weights + down.weights == pytest.approx(1)
    assert up.test is not None
    assert down.test is not None
    assert up.test + down.test == pytest.approx(1)
    assert (up.wording, down.wording) == ("high slant", "low slant")


def test_an_attribute_the_test_part_lacks_leaves_the_test_half_unweighed(data: ImageData, splits: Splits) -> None:
    bare = replace(data, test=replace(data.test, attributes={}))
    assert weigh(Direction(attribute="slant"), bare, splits).test is None
    assert weigh(Direction(attribute="subname", values=("tabby_cat",)), bare, splits).test is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=36, max_size=36), st.floats(0.01, 100))
def test_weights_lie_between_0_and_1_and_follow_the_attribute(values: list[float], sharpness: float) -> None:
    data = ImageData("toy", CLASSES, examples("train", 36), examples("test", 18))
    data = with_attribute(data, "x", np.array(values), np.array(values[:18]))
    splits = splits_for(Target(classes=("dog",)), data, Holdout("train", np.array([0])), 0)
    column = np.array(values)[splits.forget]
    if column.std() <= 1e-6 * max(1, np.abs(column).max()):
        return
    found = weigh(Direction(attribute="x", sharpness=sharpness), data, splits)
    assert ((found.weights >= 0) & (found.weights <= 1)).all()
    assert (np.diff(found.weights[np.argsort(column)]) >= 0).all()
    assert 1 <= found.effective_size <= len(column) * (1 + 1e-12)


class Planted:
    """Features of 8 numbers: noise, except that number 3 is raised by 6 where the position divides by 4: the concept.

    Number 5 is constant on cats and huge elsewhere, as a unit is that rests on the target.
    """

    def __init__(self, train: int = 36, test: int = 18) -> None:
        generator = np.random.default_rng(0)
        self.train, self.test = generator.normal(size=(train, 8)), generator.normal(size=(test, 8))
        for rows in (self.train, self.test):
            rows[:, 3] += 6.0 * (np.arange(len(rows)) % 4 == 0)
            rows[:, 5] = np.where(np.arange(len(rows)) % 3 == 0, 1.0, 1e6)

    def __call__(self, part: str, index: NDArray[np.int64]) -> NDArray[np.float64]:
        return getattr(self, part)[index]


POSITIVE, NEGATIVE = tuple(f"train-{i}" for i in (4, 8, 12)), tuple(f"train-{i}" for i in (3, 6, 9))


def ranked(weights: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """Share of pairs in which the example that shows the concept weighs more; 0.5 by chance."""
    return float((weights[shown][:, None] > weights[~shown]).mean())


def test_a_concept_vector_finds_a_planted_feature() -> None:
    """Positive examples are of all classes, negative ones are cats; the resting unit must not pass for the concept."""
    data = ImageData("toy", CLASSES, examples("train", 360), examples("test", 180))
    splits = splits_for(Target(classes=("cat",)), data, Holdout("train", np.array([0])), 0)
    direction = Direction(
        positive=tuple(f"train-{i}" for i in range(4, 124, 4)), negative=tuple(f"train-{i}" for i in range(3, 180, 6))
    )
    found = weigh(direction, data, splits, Planted(360, 180))
    shown, shown_test = splits.forget % 4 == 0, splits.forget_test % 4 == 0
    assert ranked(found.weights, shown) > 0.95
    assert found.weights[shown].mean() > 0.95
    assert found.weights[~shown].mean() < 0.3
    assert found.test is not None
    assert ranked(found.test, shown_test) > 0.95
    assert found.wording == "concept of 30 positive and 30 negative examples"


def test_a_concept_is_the_projection_on_the_difference_of_means(data: ImageData, splits: Splits) -> None:
    """With one feature number the concept orders the forget set by that number, whatever its unit."""
    slant = {"train": data.train.attributes["slant"], "test": data.test.attributes["slant"]}
    direction = Direction(positive=("train-35",), negative=("train-1",))
    found = weigh(direction, data, splits, lambda part, index: 7 * slant[part][index, None] + 3)
    attribute = weigh(Direction(attribute="slant"), data, splits)
    assert found.weights == pytest.approx(attribute.weights, abs=1e-6)
    assert found.test == pytest.approx(attribute.test, abs=1e-6)


def test_a_target_without_a_test_half_has_no_test_weights_to_find(data: ImageData, holdout: Holdout) -> None:
    splits = splits_for(Target(ids=tuple(f"train-{i}" for i in range(3, 20))), data, holdout, 0)
    found = weigh(Direction(positive=POSITIVE, negative=NEGATIVE), data, splits, Planted())
    assert found.test is not None
    assert found.test.shape == (0,)


BOTH = {"positive": POSITIVE, "negative": NEGATIVE}


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (Direction(attribute="slnt"), "unknown attribute 'slnt'. Did you mean 'slant'? Allowed: subname, slant, class, id."),
        (Direction(attribute="slnt", values=("a",)), "unknown attribute 'slnt'"),
        (Direction(attribute="subname"), "holds names; say in values which to forget. Allowed: domestic_cat, tabby_cat."),
        (Direction(attribute="subname", values=("tabby_ca",)), "has no value 'tabby_ca'. Did you mean 'tabby_cat'?"),
        (Direction(attribute="subname", values=("poodle",)), "has no value 'poodle'. Allowed: domestic_cat, tabby_cat."),
        (Direction(attribute="subname", values=("tabby_cat", "domestic_cat")), "the direction takes every example of the target"),
        (Direction(attribute="subname", values=("tabby_cat",), descending=True), "descending says nothing"),
        (Direction(**BOTH, descending=True), "descending says nothing"),
        (Direction(**BOTH, values=("a",)), "takes no values"),
        (Direction(attribute="flat"), "attribute 'flat' has the same value on all 11 examples of the target"),
        (Direction(attribute="holes"), "is not finite on 1 train examples of the target, the first is 'train-6'"),
        (Direction(attribute="unseen holes"), "is not finite on 6 test examples of the target, the first is 'test-0'"),
        (Direction(attribute="two types"), "holds numbers in train but names in test"),
        (Direction(positive=("train-4", "nobody"), negative=NEGATIVE), "positive ids: 1 of 2 are not in the training set"),
        (Direction(positive=POSITIVE, negative=("test-1",)), "negative ids: 1 of 1 are not in the training set"),
        (Direction(positive=POSITIVE, negative=POSITIVE[:1]), "id 'train-4' is both positive and negative"),
    ],
)
def test_a_direction_that_cannot_be_used_gets_one_clear_line(
    direction: Direction, message: str, data: ImageData, splits: Splits
) -> None:
    holes = np.arange(36.0)
    holes[6] = np.nan
    for name, train, test in (
        ("flat", np.full(36, 0.1), np.arange(18.0)),
        ("holes", holes, np.arange(18.0)),
        ("unseen holes", np.arange(36.0), np.full(18, np.inf)),
        ("two types", np.arange(36.0), np.array(["a"] * 18)),
    ):
        data = with_attribute(data, name, train, test) if name == direction.attribute else data
    with pytest.raises(RequestError) as caught:
        weigh(direction, data, splits, Planted())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_examples_without_features_or_without_a_difference_are_refused(data: ImageData, splits: Splits) -> None:
    direction = Direction(**BOTH)
    with pytest.raises(RequestError, match="needs the base model's features"):
        weigh(direction, data, splits)
    with pytest.raises(RequestError, match="same mean features, so they show no direction"):
        weigh(direction, data, splits, lambda part, index: np.ones((len(index), 4)))


@pytest.mark.realdata
def test_fire_engines_are_found_among_real_trucks(shared_data: Path) -> None:
    """Names of files say the sub-class, so they give the counts without the columns used here."""
    table = np.load(shared_data / "cifar10" / "labels.npz")
    classes, names = tuple(table["classes"].astype(str)), table["subname"].astype(str)

    def part(name: str) -> Examples:
        labels = table[f"y_{name}"].astype(np.int64)
        ids = np.array([f"{name}-{i}" for i in range(len(labels))])
        return Examples(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, ids, {"subname": names[table[f"sub_{name}"]]})

    data = ImageData("cifar10", classes, part("train"), part("test"))
    splits = splits_for(Target(classes=("truck",)), data, Holdout("test", np.empty(0, np.int64)), 0)
    found = weigh(Direction(attribute="subname", values=("fire_engine", "fire_truck")), data, splits)
    for weights, name in ((found.weights, "train"), (found.test, "test")):
        files = table[f"filename_{name}"].astype(str)
        assert weights is not None
        assert weights.sum() == sum(file.startswith(("fire_engine_s_", "fire_truck_s_")) for file in files) > 0


@pytest.mark.realdata
def test_slanted_digits_weigh_more_in_both_halves(shared_data: Path) -> None:
    """Half-precision slants of real digits: weights follow them, and the middle of the forget set weighs 1/2."""
    table = np.load(shared_data / "mnist" / "attributes.npz")

    def part(name: str) -> Examples:
        slant = table[f"slant_{name}"]
        packed = (shared_data / "mnist" / f"{'t10k' if name == 'test' else name}-labels-idx1-ubyte.gz").read_bytes()
        labels = np.frombuffer(gzip.decompress(packed), np.uint8, offset=8).astype(np.int64)
        ids = np.array([f"{name}-{i}" for i in range(len(slant))])
        return Examples(np.zeros((len(slant), 1, 1, 1), np.uint8), labels, ids, {"slant": slant})

    data = ImageData("mnist", tuple("0123456789"), part("train"), part("test"))
    splits = splits_for(Target(where="class == 7"), data, Holdout("train", np.empty(0, np.int64)), 0)
    found = weigh(Direction(attribute="slant"), data, splits)
    slant = table["slant_train"][splits.forget].astype(float)
    assert (np.diff(found.weights[np.argsort(slant)]) >= 0).all()
    assert found.weights[np.abs(slant - slant.mean()).argmin()] == pytest.approx(0.5, abs=0.01)
    assert found.test is not None
    assert abs(found.test.mean() - found.weights.mean()) < 0.05


def test_effective_size_by_hand() -> None:
    """Weights 1, 1/2, 1/2: sum 2, sum of squares 3/2, so 4 / 1.5 = 8/3 examples."""
    assert effective_size(np.array([1, 0.5, 0.5])) == pytest.approx(8 / 3)


def test_the_logistic_never_overflows() -> None:
    assert logistic(np.array([-1e300, 0, 1e300]), 100).tolist() == [0, 0.5, 1]
