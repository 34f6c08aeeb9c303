"""A text classifier forgets a class by the same requests, methods and measures as an image classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lorasteer.records import Request, Target
from lorasteer.session import Session
from lorasteer.session.labelled_bench import LabelledBench
from lorasteer.store import RunStore
from lorasteer.tasks.language.labelled import LabelledData, LabelledText
from tests.tasks.language.test_classifier import data, trained


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LabelledBench:
    return LabelledBench(trained(), data(), tmp_path_factory.mktemp("cache"))


def test_a_class_is_forgotten_beside_the_retrained_model(bench: LabelledBench) -> None:
    request = Request(target=Target(classes=("odd",)), intensity=0.8, settings={"layers": ("network.classifier",), "rank": 3})
    translation, before = bench.translate(request), bench.base.digest
    change = bench.unlearn(translation)
    retrained = bench.retrain(translation.splits, seed=1000)
    after = bench.measure(request, translation, change, retrained=[retrained]).now
    assert (after.value("forget_accuracy") or 0.0) < 0.3
    assert (after.value("retain_accuracy") or 0.0) > 0.8
    assert bench.base.digest == before
    assert bench.retrained_kept(translation.splits, seed=1000) is not None


def test_a_keyword_chooses_sentences(bench: LabelledBench) -> None:
    some = bench.translate(Request(target=Target(keyword="ugly")))
    texts = [data().train.texts[row] for row in some.splits.forget]
    assert texts
    assert all("ugly" in text for text in texts)


def test_a_session_steers_it(bench: LabelledBench, tmp_path: Path) -> None:
    request = Request(target=Target(classes=("odd",)), settings={"layers": ("network.classifier",), "rank": 3, "epochs": 1})
    with Session.begin(bench, RunStore(tmp_path / "store")) as session:
        session.start(request)
        assert {one.name for one in session.report().classes} == set(data().classes)
        assert session.dial(0.5).value("forget_accuracy") is not None
        assert session.undo() == 0


def test_the_whole_of_it_is_one_kind_of_data(tmp_path: Path) -> None:
    assert isinstance(data(), LabelledData)
    assert isinstance(data().train, LabelledText)
    assert np.unique(data().train.labels).tolist() == [0, 1, 2]
