"""The parts of the engine that need no process: what waits, what is thinned, what is refused, what is drawn."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import pickle
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lorasteer.errors import DataError, LorasteerError, PlanError, StoreError, TrainingDiverged, WeightsError
from lorasteer.evaluation import Outputs, Predictions
from lorasteer.projection import Frame
from lorasteer.records import Evaluation, Measurement, Plan
from lorasteer.session.shown import Line
from lorasteer.tasks.base import save_base
from lorasteer.tasks.modules import classifier_head
from lorasteer.web import views
from lorasteer.web.engine import reels
from lorasteer.web.engine.bands import band_of
from lorasteer.web.engine.findings import confusion, histogram
from lorasteer.web.engine.hearing import Listeners
from lorasteer.web.engine.messages import Answer, Made, WorkError, whole
from lorasteer.web.engine.outbox import Outbox
from lorasteer.web.engine.reels import MOST, Reel, Shot
from lorasteer.web.engine.sheets import chosen, packed, space_of
from lorasteer.web.engine.shelf import DIGITS, Shelf
from lorasteer.web.house import Stale
from tests.support.digits import bench, small_base
from tests.support.errors import refuses


def progress(step: int) -> views.Progress:
    return views.Progress(step=step, steps=9, epoch=1, epochs=1, loss=1.0, seconds=0.0)


def frame(status: str = "settling", place: float = 0.0) -> Frame:
    return Frame(np.full((3, 2), place, np.float32), 1.0, 5, 1.0, 0.5, 0.5, None, None, status)  # type: ignore[arg-type]


def test_news_that_wait_are_replaced_and_answers_are_not() -> None:
    ours, theirs = multiprocessing.Pipe()
    outbox = Outbox(ours)
    big = Answer(0, bytes(10_000_000))  # fills the pipe, so that what follows waits
    for message in (
        big,
        *(Made("b", n / 100) for n in range(100)),
        Answer(1),
        *(Made("b", n / 50) for n in range(50)),
        Answer(2),
    ):
        outbox.put(message)
    got = [theirs.recv() for _ in range(4)]
    while isinstance(got[-1], Made):
        got.append(theirs.recv())
    outbox.close()
    assert [answer.id for answer in got if isinstance(answer, Answer)] == [0, 1, 2]
    made = [one for one in got if isinstance(one, Made)]
    assert made[-1] == Made("b", 49 / 50)
    assert len(made) <= 2
    ours.close()
    theirs.close()


def test_a_listener_that_is_dropped_is_told_no_more() -> None:
    async def drop() -> None:
        listeners = Listeners()
        ear = listeners.join([progress(1)])
        for step in range(1000):
            listeners.tell(progress(step))
        assert await anext(ear) == progress(999)
        assert len(listeners) == 1
        del ear
        assert len(listeners) == 0

    asyncio.run(drop())


class OddError(LorasteerError):
    """Cannot be made again from its message."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_errors_travel_whole_or_as_their_words() -> None:
    deed = views.Deed(actor="ann", action="undo", time="now")
    for error in (PlanError("no such."), TrainingDiverged(3, 2), Stale(deed, 4, 3)):
        again = pickle.loads(pickle.dumps(whole(error)))
        assert (type(again), str(again)) == (type(error), str(error))
    odd = whole(OddError("one", "two"))
    assert (type(odd), str(odd)) == (WorkError, "OddError: onetwo")


def test_a_long_way_is_thinned_evenly() -> None:
    reel = Reel()
    for step in range(1000):
        reel.add(Shot(step, frame(), np.zeros(3, np.int64)))
    steps = [shot.step for shot in reel.shots]
    assert MOST / 2 <= len(steps) <= MOST
    assert len({after - before for before, after in pairwise(steps) if before is not None and after}) == 1
    assert (steps[0], steps[-1] is not None and steps[-1] > 900) == (0, True)


def test_reels_come_back_bit_for_bit_and_damage_is_no_error(tmp_path: Path) -> None:
    reel, path = Reel(), tmp_path / "run" / "1.npz"
    reel.add(Shot(3, frame(place=0.1), np.array([1, 2, 3])))
    reel.add(Shot(None, frame("settled", place=1 / 3), np.array([7, 8, 300])))
    reels.write(path, reel, "points")
    again = reels.read(path, "points")
    assert again is not None
    for one, other in zip(reel.shots, again.shots, strict=True):
        assert one.step == other.step
        assert one.frame.positions.tobytes() == other.frame.positions.tobytes()
        assert one.frame.facts() == other.frame.facts()
        assert one.answers.tolist() == other.answers.tolist()
    assert reels.read(path, "other points") is None
    whole_file = path.read_bytes()
    for damaged in (b"", whole_file[:50], whole_file[:-30], whole_file[:200] + b"?" + whole_file[201:], b"PK\x03\x04"):
        path.write_bytes(damaged)
        found = reels.read(path, "points")
        assert found is None or len(found.shots) == 2
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    reels.write(blocked / "1.npz", reel, "points")  # nothing to be told of


def measured(name: str, value: float | None, better: Any = "lower", **facts: Any) -> Measurement:
    return Measurement(name=name, value=value, unit="share", n=10, better=better, low=0.0, high=1.0, **facts)


def line(of: Measurement, *others: float, floor: float | None = None) -> Line:
    return Line(of.name, "", "", "", "", "", None, of, others, floor)


@pytest.mark.parametrize(
    ("of", "others", "floor", "aim", "band"),
    [
        ("forget_accuracy", (0.2, 0.4), 0.1, "remove", (0.2, 0.4)),
        ("forget_accuracy", (0.02,), 0.1, "remove", (0.0, 0.12)),
        ("forget_accuracy", (), None, "remove", (0.0, 0.45)),
        ("forget_accuracy", (), None, "match-unseen", None),
        ("retain_accuracy", (), None, "remove", None),
    ],
)
def test_bands(of: str, others: tuple[float, ...], floor: float | None, aim: Any, band: tuple[float, float] | None) -> None:
    base = Evaluation(subject="base", splits="s", model="m", measurements=(measured(of, 0.9),))
    plan = Plan(method="lora-ihl", splits="s", aim=aim, settings={"stop_at": 0.5})
    found = band_of(line(measured(of, 0.3), *others, floor=floor), measured(of, 0.3), plan, base)
    assert found == (None if band is None else pytest.approx(band))


def test_the_band_of_an_ideal() -> None:
    base = Evaluation(subject="base", splits="s", model="m", measurements=())
    auc = measured("mia_auc", 0.7, "near-ideal", ideal=0.5)
    assert band_of(line(auc), auc, Plan(method="lora-ihl", splits="s"), base) == (0.5, 0.5)


def predictions(logits: list[list[float]], labels: list[int]) -> Predictions:
    return Predictions(torch.tensor(logits).reshape(len(labels), 2), torch.tensor(labels))


def outputs(**parts: Predictions) -> Outputs:
    some = predictions([[0.0, 9.0], [9.0, 0.0]], [1, 0])
    every = dict.fromkeys(("forget", "retain", "forget_test", "retain_test", "validation"), some)
    return Outputs("x", "m", "s", **{**every, **parts})


def test_histogram_and_confusion_are_counted() -> None:
    sure, unsure = [0.0, 9.0], [0.0, 0.0]
    found = histogram(outputs(forget=predictions([sure, sure, sure, unsure], [1, 1, 1, 1])))
    assert found is not None
    assert (found.forget[-1], found.forget[10], sum(found.forget)) == (0.75, 0.25, 1.0)
    nobody = predictions([], [])
    alike = histogram(outputs(forget=predictions([sure], [1]), forget_test=nobody))
    assert alike is not None
    assert (alike.unseen_are, alike.unseen[-1]) == ("test examples of the same classes", 1.0)
    assert histogram(outputs(forget=nobody)) is None
    broken = outputs(forget=predictions([[float("nan"), 0.0]], [1]))
    assert histogram(broken) is None
    assert confusion(outputs(), broken, ("a", "b")) is not None  # its test examples are whole
    mixed = confusion(outputs(), outputs(forget_test=predictions([sure, sure], [1, 0])), ("a", "b"))
    assert mixed is not None
    assert (mixed.base, mixed.now) == ((0.5, 0.5), (0.0, 1.0))


def test_what_is_drawn_is_what_moves() -> None:
    head = classifier_head(small_base().model)
    assert space_of(small_base(), head[-1:]) == "answers"
    assert space_of(small_base(), head) == ("features" if len(head) > 1 else "answers")
    assert space_of(small_base(), ()) == "features"
    index, target = chosen(bench(), [np.array([3, 5]), np.array([5, 8])])
    assert sorted(index[target].tolist()) == [3, 5, 8]
    assert not chosen(bench(), [])[1].any()
    assert len(packed(np.zeros(3, np.int64), 10)) == 4
    assert len(packed(np.zeros(3, np.int64), 1000)) == 8


def test_a_shelf_knows_its_bases(tmp_path: Path) -> None:
    save_base(small_base(), tmp_path / "given")
    shelf = Shelf(tmp_path / "store", (tmp_path / "given", tmp_path / "missing"))
    given, digits = shelf.bases()
    assert (given.name, given.ready, given.classes) == ("given", True, 10)
    assert (digits.id, digits.ready, digits.digest) == (DIGITS, False, "")
    with refuses(StoreError, "no base '../given'"):
        shelf.folder("../given")


def test_an_uploaded_base_is_taken_in_and_never_runs_code(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "upload", Shelf(tmp_path / "store")
    save_base(small_base(), folder)
    name = '../<b onclick="x">'
    view = shelf.adopt(folder, name)
    assert (view.name, view.digest, view.id in shelf.folders()) == (name, small_base().digest, True)
    assert shelf.folder(view.id).parent == tmp_path / "store" / "bases"
    for field, value, error in (
        ("model", "os:system", WeightsError), ("model", "factory", WeightsError), ("model", "hub", WeightsError),
        ("model", str(tmp_path), WeightsError), ("data", "/etc", DataError), ("data", "folder:/etc", DataError),
    ):  # fmt: skip
        record = json.loads((folder / "base.json").read_text())
        bad = tmp_path / "bad"
        shutil.copytree(folder, bad, dirs_exist_ok=True)
        (bad / "base.json").write_text(json.dumps({**record, field: value}))
        with refuses(error, "uploaded base"):
            shelf.adopt(bad, "bad")
    with refuses(StoreError, "base.json"):
        shelf.adopt(tmp_path / "nothing", "x")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError):
        shelf.adopt(folder, "damaged")
    assert len(list((tmp_path / "store" / "bases").iterdir())) == 1
