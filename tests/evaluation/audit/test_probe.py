"""Linear probes and refitted heads."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.probe import ProbeSettings, RefitSettings, _probed, read_features, sides_of
from lorasteer.evaluation.audit.stations import stations
from tests.support.audited import (
    base,
    false_alarms,
    fifty,
    ground,
    linear,
    masked,
    never_saw,
    readings,
    single_examples,
    value,
    vector_ground,
)
from tests.support.proofs import proves


@proves("hand", "linear-probe")
def test_a_probe_worked_by_hand() -> None:
    """Fitted on targets at 1 and rest at -1, the border lies at 0: of (2, -1) half is hit, of (-2, -3, 4) two thirds.

    Balanced accuracy (1/2 + 2/3) / 2 = 7/12. Pairs won: 2 beats -2 and -3, -1 beats both: 4 of 6.
    """
    fit = [torch.tensor([[1.0], [1.0]]), torch.tensor([[-1.0], [-1.0]])]
    test = [torch.tensor([[2.0], [-1.0]]), torch.tensor([[-2.0], [-3.0], [4.0]])]
    assert _probed(fit, test, 1.0) == (pytest.approx(7 / 12), pytest.approx(4 / 6))


@proves("power", "linear-probe")
def test_the_probe_reads_the_masked_model_as_it_reads_the_base() -> None:
    """Power: the features are the base's own."""
    place = ground()
    mask, knows = (run_attack("linear-probe", place, subject) for subject in (masked(), place.original))
    assert mask.measurements == knows.measurements
    assert value(mask, "probe_accuracy_last") > 0.95


def test_a_probe_proves_nothing_alone() -> None:
    """A model that never saw a seven is read nearly as well: so a high score alone must not be taken for memory."""
    assert min(readings("linear-probe", "probe_accuracy_last", fifty()[:10])) > 0.9


def test_a_probe_of_features_without_the_target_is_a_coin_toss() -> None:
    """Null: a network whose last station says the same of everything."""
    blind = base().copy().requires_grad_(False)
    blind.get_parameter("fc2.weight").zero_()
    found = run_attack("linear-probe", ground(), Subject.of_network("blind", blind))
    assert value(found, "probe_accuracy_last") == pytest.approx(0.5)
    assert value(found, "probe_auc_last") == 0.5


@proves("hand", "head-refit")
def test_a_refitted_head_worked_by_hand() -> None:
    """All four of each class are fitted on, so no draw matters: with as many of each, the border is the mean of all, 0.

    Of the target's 1, 3, 4, -1 three lie above it, of the others' -6, -1, -1, 1 three below.
    """
    rows, labels = torch.tensor([[1.0], [3.0], [4.0], [-1.0], [-6.0], [-1.0], [-1.0], [1.0]]), torch.tensor([1] * 4 + [0] * 4)
    knows, blind = (torch.nn.Sequential(linear([[1.0]]), linear([[0.0], [head]])) for head in (1.0, -1.0))
    place = vector_ground(knows, rows, labels, target=1)
    found = run_attack("head-refit", place, Subject.of_network("blind", blind), RefitSettings(shots=(4,), draws=2))
    assert value(found, "refit_forget_4") == 0.75
    assert value(found, "refit_retain") == 0.75


@proves("power", "head-refit")
def test_one_example_brings_a_masked_class_back() -> None:
    """Power: the base's features, so the base's own score, above those of all models that never saw a seven."""
    place = ground()
    mask, knows = (run_attack("head-refit", place, subject) for subject in (masked(), place.original))
    assert mask.measurements == knows.measurements
    assert value(mask, "refit_forget_1") > max(readings("head-refit", "refit_forget_1", fifty()[:10]))


@proves("null", "head-refit", draws=50)
def test_a_refitted_head_does_not_cry_wolf() -> None:
    """Null: of fifty models that never saw a seven at most one in ten looks like the base."""
    assert max(false_alarms("head-refit", "refit_forget_1", settings=RefitSettings(shots=(1,), draws=10)).values()) <= 0.1


@proves("null", "linear-probe", draws=50)
def test_a_probe_cries_wolf_less_than_one_time_in_four() -> None:
    """Null: base and retrained models lie within two points of each other, so a probe alone is weak; measured 0.14."""
    assert false_alarms("linear-probe", "probe_accuracy_last")["probe_accuracy_last"] <= 0.25


def test_more_examples_help() -> None:
    found = run_attack("head-refit", ground(), never_saw(0), RefitSettings(shots=(1, 20)))
    assert value(found, "refit_forget_20") > value(found, "refit_forget_1") + 0.1


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_tried_that_was_fitted_on(whole: bool) -> None:
    place = ground() if whole else ground(splits=single_examples())
    sides = sides_of(place, 500)
    for fit, test in zip(sides.fit, sides.test, strict=True):
        assert fit[0] != test[0] or not set(fit[1].tolist()) & set(test[1].tolist())


def test_features_are_those_a_station_says() -> None:
    place = ground()
    names = stations(base().model, place.batch("train", place.splits.forget[:4]))
    assert names == ("fc1", "fc2")
    read = read_features(place, place.original, "train", place.splits.forget[:4])
    expected = base().model.get_submodule("fc1")(place.batch("train", place.splits.forget[:4]).flatten(1))
    assert torch.equal(read["fc1"], expected)


def test_too_few_examples_are_said_to_be_too_few() -> None:
    place = ground(splits=single_examples())
    splits = place.splits
    one = type(splits)(splits.forget[:1], splits.retain, splits.forget_test, splits.retain_test, splits.validation, splits.data)
    found = run_attack("linear-probe", ground(splits=one), masked(), ProbeSettings(examples=10))
    assert found["probe_accuracy_last"].note == "the probe needs two examples of each side"
