"""A language model on the bench: requests, changes, retrained models and measurements, by the verbs of every bench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lorasteer.errors import DataError, PlanError, RequestError, SessionError, StoreError
from lorasteer.evaluation.metric import Reading
from lorasteer.methods import Start
from lorasteer.records import Direction, Target
from lorasteer.session.keeping import snapshot
from lorasteer.session.opening import open_base, open_bench, open_workbench, task_of
from lorasteer.session.round import Round
from lorasteer.session.text_bench import TextBench, answer_probability
from lorasteer.store import read_run, write_run
from lorasteer.tasks.base import save_base
from tests.support.digits import small_base
from tests.support.errors import refuses
from tests.support.text import FACTS, PERSON, facts, forget_person, text_base, text_bench


@pytest.fixture(scope="module")
def done() -> Round:
    return text_bench().run(forget_person())


def test_one_round_forgets_and_leaves_the_base(done: Round) -> None:
    """The base knows the five facts; after the round they are less likely, and the rest is about as likely as before."""
    before, now = done.evaluations
    assert (before.subject, now.subject) == ("base", "npo")
    assert before.value("forget_probability") > 0.6
    assert now.value("forget_probability") < 0.8 * before.value("forget_probability")
    assert now["forget_probability"].n == 5
    assert now["retain_probability"].n == 25
    assert text_base().record.weights == text_base().digest
    assert done.translation.wording == f"where person == {PERSON!r}"


def test_the_same_request_gives_the_same_change(done: Round) -> None:
    again = TextBench(text_base(), facts()).run(forget_person())
    assert again.change.record.tensors == done.change.record.tensors
    assert again.now == done.now.model_copy(update={"measurements": _timeless(again.now, done.now)})


def _timeless(mine, theirs):
    """Their measurements, but for seconds, which differ from run to run."""
    return tuple(m if m.unit == "seconds" else t for m, t in zip(mine.measurements, theirs.measurements, strict=True))


def test_a_training_that_is_gone_on_with_ends_as_one_that_never_stopped() -> None:
    """Two epochs and two more give the numbers of four, bit for bit."""
    bench, endless = text_bench(), {"stop_at": None, "forget_probability": None}
    two, four = (bench.translate(forget_person(settings={"epochs": epochs, **endless})) for epochs in (2, 4))
    half = bench.unlearn(two)
    whole = bench.unlearn(two, start=Start(half, half.resume))
    assert whole.record.tensors == bench.unlearn(four).record.tensors != half.record.tensors


def test_a_round_is_kept_as_a_run(done: Round, tmp_path: Path) -> None:
    kept = snapshot(text_bench(), done, tmp_path / "base")
    write_run(kept, done.change, tmp_path / "run")
    found = read_run(tmp_path / "run")
    assert found.iteration.plan == done.plan
    assert found.run.data == FACTS


def test_strength_zero_is_the_base(done: Round) -> None:
    bench, translation = text_bench(), done.translation
    base, off = bench.known(translation)[0], bench.outputs(done.change, translation, strength=0.0)
    assert off.forget.log_prob == pytest.approx(base.forget.log_prob, abs=1e-6)
    assert off.model != base.model


def test_an_intensity_is_a_band_and_a_budget() -> None:
    """Of the table at 0.5: from 0.08 to three tenths of the base's, at the cost of 3 % of the rest; alpha is twice the rank."""
    settings = text_bench().translate(forget_person(intensity=0.5, settings={})).plan.settings
    chosen = ("stop_at", "least_probability", "retain_within", "forget_probability", "epochs", "rank", "alpha")
    assert [settings[name] for name in chosen] == [0.3, 0.08, 0.03, None, 15, 16, 32]


def test_a_retrained_model_is_trained_once_and_kept(tmp_path: Path) -> None:
    bench = TextBench(text_base(), facts(), tmp_path)
    translation = bench.translate(forget_person())
    assert bench.retrained_kept(translation.splits, seed=1000) is None
    model = bench.retrain(translation.splits, seed=1000)
    kept = bench.retrained_kept(translation.splits, seed=1000)
    assert kept is not None
    assert kept.digest == model.digest
    assert kept.record.left_out == translation.splits.digest
    base, retrained = bench.look(translation, retrained=[model])
    assert retrained.subject == "retrained (seed 1000)"
    assert retrained.value("forget_probability") < 0.5 * base.value("forget_probability")


def test_a_direction_is_measured_beside_random_ones(done: Round) -> None:
    """Weights of an attribute choose one of five facts on either half; the other four are the rest."""
    request = forget_person(direction=Direction(attribute="topic", values=("pet",)))
    translation = text_bench().translate(request)
    outputs = text_bench().outputs(done.change, translation)
    found = text_bench().evaluate(outputs, translation)
    assert translation.plan.weights == (0.0, 0.0, 1.0, 0.0, 0.0)
    before = text_bench().known(translation)[0].forget_test.probability
    drop = (before - outputs.forget_test.probability).tolist()
    assert found.value("selectivity") == pytest.approx(drop[2] - sum(drop[:2] + drop[3:]) / 4)
    alone = [one - (sum(drop) - one) / 4 for one in drop]  # a random direction is one of the five examples
    assert found.value("random_selectivity") == pytest.approx(max(alone))
    assert "1000 random directions" in found["random_selectivity"].note


def test_a_concept_comes_from_hidden_states() -> None:
    features = text_bench()._features("train", np.array([0, 1]))
    assert features.shape == (2, 64)
    ids = facts().train.ids
    request = forget_person(direction=Direction(positive=(str(ids[2]),), negative=(str(ids[1]),)))
    weights = text_bench().translate(request).plan.weights
    assert weights is not None
    assert weights[2] > 0.5 > weights[1]


def test_answers_are_written_in_the_full_suite(done: Round) -> None:
    bench = TextBench(text_base(), facts(), suite="full")
    said = bench.outputs(done.change, done.translation)
    assert said.forget.written is not None
    assert len(said.forget.written) == 5
    assert bench.look(done.translation)[0].value("forget_rouge") > 0.5


def test_bases_are_opened_by_their_task(tmp_path: Path) -> None:
    save_base(text_base(), tmp_path / "text")
    save_base(small_base(), tmp_path / "images")
    assert (task_of(tmp_path / "text"), task_of(tmp_path / "images")) == ("language", "vision")
    assert open_base(tmp_path / "text").digest == text_base().digest
    bench = open_bench(tmp_path / "text", cache=tmp_path / "cache")
    assert isinstance(bench, TextBench)
    assert bench.data.digest == facts().digest
    with refuses(SessionError, "is a language model; the browser is for image models so far", "lorasteer steer"):
        open_workbench(tmp_path / "text")
    with refuses(DataError, "but the base was trained on"):
        open_bench(tmp_path / "text", "facts?people=7", tmp_path / "cache")


def test_a_folder_without_a_base_is_refused(tmp_path: Path) -> None:
    with refuses(StoreError, "base.json is missing"):
        open_base(tmp_path)
    (tmp_path / "base.json").write_text('{"task": "langauge"}')
    with refuses(StoreError, "of task 'langauge'", "Did you mean 'language'?"):
        open_base(tmp_path)
    (tmp_path / "base.json").write_text("[")
    with refuses(StoreError, "no JSON record"):
        open_base(tmp_path)


def test_refusals() -> None:
    bench = text_bench()
    with refuses(RequestError, "has no value 'Nilo Gildes'", "Did you mean 'Nilo Gildas'?"):
        bench.translate(forget_person(target=Target(where="person == 'Nilo Gildes'")))
    with refuses(PlanError, "is made for vision, not for language"):
        bench.translate(forget_person(method="logit-mask", settings={}))
    with refuses(PlanError, "has no setting 'rang'", "Did you mean 'rank'?"):
        bench.translate(forget_person(settings={"rang": 4}))


def test_how_well_a_base_knows_its_text() -> None:
    train, test = (answer_probability(text_base(), facts(), part) for part in ("train", "test"))
    assert 0 < test < train <= 1


def test_readings_carry_their_interval(done: Round) -> None:
    assert Reading(0.5, 3).interval is None
    low, high = done.now["forget_probability"].interval or (1.0, 0.0)
    assert low <= (done.now.value("forget_probability") or 0.0) <= high
