"""Intensity learns: what runs achieved becomes a falling curve, and a calibrated request leaves what its intensity promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lorasteer.methods.dialling import dialled
from lorasteer.records import Calibration, CalibrationPoint, Curve, Request, Target
from lorasteer.session import Session
from lorasteer.session.calibration import curves_through
from lorasteer.steer.intensity import promised
from lorasteer.store import RunStore
from tests.support.digits import bench, digits, forgotten, request
from tests.support.sessions import begin

INTENSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def point(intensity: float, achieved: float, **facts: Any) -> CalibrationPoint:
    own = {"base": "b", "target": "class", "method": "m", "run": "r", "iteration": 1, **facts}
    return CalibrationPoint(intensity=intensity, promised=promised(intensity), achieved=achieved, **own)


def test_a_curve_never_rises_and_means_of_one_intensity_weigh_by_their_number() -> None:
    (curve,) = curves_through([point(0.5, 0.2), point(0.25, 0.1), point(0.25, 0.3), point(1.0, 0.0), point(0.5, 0.5)])
    # 0.25: mean 0.2 of two; 0.5: mean 0.35 of two; pooled to 0.275
    assert curve.knots == ((0.25, pytest.approx(0.275)), (0.5, pytest.approx(0.275)), (1.0, 0.0))
    assert curve.points == 5


def test_kinds_of_target_and_methods_have_curves_of_their_own() -> None:
    curves = curves_through([point(0.5, 0.2), point(0.5, 0.1, target="inside"), point(0.5, 0.3, method="n")])
    known = Calibration(base="b", curves=curves)
    assert [known.curve(*key).knots[0][1] for key in (("class", "m"), ("inside", "m"), ("class", "n"))] == [0.2, 0.1, 0.3]
    assert known.curve("samples", "m") is None


def test_where_all_left_more_the_strongest_is_taken() -> None:
    curve = Curve(target="class", method="m", knots=((0.2, 0.8), (0.6, 0.4)), points=2)
    assert (curve.intensity_for(0.1, near=0.5), curve.intensity_for(0.1, near=0.9)) == (0.6, 0.9)


def test_a_round_teaches_and_can_be_unlearned_itself(tmp_path: Path) -> None:
    session = begin(tmp_path)
    assert session.calibration().words == ("Nothing was measured on this base yet; intensities mean what the table says.",)
    made = session.start(request(intensity=0.25))
    (learned,) = session.store.points(bench().base.digest)
    base, now = (evaluation.value("forget_accuracy") for evaluation in made.evaluations)
    assert base is not None
    assert now is not None
    assert (learned.target, learned.intensity, learned.promised) == ("class", 0.25, 0.5)
    assert learned.achieved == pytest.approx(now / base)
    assert session.calibration().words[0].startswith("lora-ihl on class targets, 1 measured: intensity 0.25 leaves ")
    assert session.reset_calibration() == 1
    assert session.calibration().curves == ()


@pytest.mark.parametrize(
    "asked",
    [
        request(settings={"learning_rate": 1e-4}),  # no row of the table
        request(intensity=0.0),
        request(target=Target(ids=tuple(digits().train.ids[:30].tolist()))),  # another aim
        request(method="zeroing"),
    ],
    ids=["by hand", "nothing", "samples", "no early stop"],
)
def test_what_is_no_row_of_the_table_teaches_nothing(tmp_path: Path, asked: Request) -> None:
    session = begin(tmp_path)
    session.start(asked)
    assert session.store.points(bench().base.digest) == ()


def test_going_on_teaches_nothing_about_the_table(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.start(request(intensity=0.25))
    session.continue_()
    session.commit(0.5)
    assert len(session.store.points(bench().base.digest)) == 1


def test_an_uncalibrated_request_is_what_it_was_whatever_came_before(tmp_path: Path) -> None:
    session = begin(tmp_path)
    first = session.start(request(intensity=0.3))
    again = session.adjust(request(intensity=0.3))
    assert {**first.plan.settings} == {**again.plan.settings}
    assert first.plan.dial_to is None


def test_a_calibrated_plan_says_what_it_learned(tmp_path: Path) -> None:
    session = begin(tmp_path)
    fresh = session.start(request(intensity=0.5, calibrated=True))
    assert fresh.plan.because[-1] == (
        "Calibrated: intensity 0.5 promises to leave 10 %; nothing was measured on this base yet. "
        "The strength is chosen on the forget set."
    )
    assert fresh.plan.dial_to == 0.1
    session.go(0)
    later = session.adjust(request(intensity=0.5, calibrated=True))
    assert "of the table, intensity 0." in later.plan.because[-1]
    assert "(rounds measured on this base: 1)" in later.plan.because[-1]


def test_single_examples_are_not_calibrated(tmp_path: Path) -> None:
    target = Target(ids=tuple(digits().train.ids[:30].tolist()))
    plan = bench().translate(request(target=target, calibrated=True)).plan
    assert plan.dial_to is None
    assert plan.because[-1].startswith("Not calibrated: ")


def test_examples_count_by_their_weight_when_the_strength_is_chosen() -> None:
    done = forgotten(intensity=1.0)
    weights = torch.where(torch.arange(len(done.outputs.forget)) % 2 == 0, 1.0, 0.2).double()
    plan = done.plan.model_copy(update={"weights": tuple(weights.tolist()), "dial_to": 0.5})
    material = bench().material(done.translation.splits)
    change = dialled(material, plan, done.change)
    assert 0 < change.record.strength < 1
    said = bench().outputs(change, done.translation).forget.correct.double()
    known = bench().known(done.translation)[0].forget.correct.double()
    assert float(weights @ said) == pytest.approx(0.5 * float(weights @ known), abs=0.05 * float(weights.sum()))


@pytest.mark.slow
def test_after_three_runs_intensities_leave_what_they_promise(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "store")
    for digit in "358":
        with Session.begin(bench(), store) as session:
            for intensity in INTENSITIES[::2]:
                session.attempt(request(target=Target(classes=(digit,)), intensity=intensity))
    with Session.begin(bench(), store) as session:
        left, base = [], 0.0
        for intensity in INTENSITIES:
            made = session.attempt(request(intensity=intensity, calibrated=True))
            before, now = (evaluation.value("forget_accuracy") for evaluation in made.evaluations)
            assert before is not None
            assert now is not None
            base = before
            left.append(now)
    assert left == sorted(left, reverse=True)
    assert left == pytest.approx([promised(intensity) * base for intensity in INTENSITIES], abs=0.05)
