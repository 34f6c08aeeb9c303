"""Rounding, noise, pruning and the switched-off change, on language models."""

from __future__ import annotations

import pytest
import torch

from lorasteer.changes.weights import weight_change
from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.recovery import TextJudge, mean_probability
from lorasteer.evaluation.audit.noise import NoiseSettings, PruneSettings
from lorasteer.evaluation.audit.quantisation import GRIDS, QuantiseSettings
from tests.support.audited_text import (
    INNOCENT,
    base,
    draws,
    ground,
    innocent,
    lacked,
    never_trained,
    splits,
    suppressed,
    value,
)

UP = "model.layers.1.mlp.up_proj.weight"


def shifted(by: float) -> Subject:
    """The base with one matrix moved by a constant."""
    return Subject.of_change("shifted", base(), weight_change(base(), {UP: base().model.get_parameter(UP) + by}))


def test_switching_off_gives_the_base_back() -> None:
    """Power and number: at strength 0 the target's answers are as probable as the base gives them, at 1 as the change does."""
    place = ground()
    found = run_attack("switch-off", place, suppressed())
    judge = TextJudge.on(place)
    assert value(found, "switched_off_forget_accuracy") == mean_probability(place.answers(place.original, judge.forget))
    assert value(found, "switched_off_recovered") == 1.0
    curve = found.curves[0]
    assert (curve.label, curve.x[0], curve.x[-1]) == ("forget answer probability", 0.0, 1.0)
    assert curve.y[-1] == pytest.approx(judge.known(suppressed()).forget, abs=1e-6)


def test_an_update_below_half_a_step_changes_few_codes() -> None:
    """Power, by hand: a shift of a hundredth of the smallest int4 step changes one code in fifty at most, of the largest most."""
    steps = base().model.get_parameter(UP).abs().amax(1) / 7
    tiny, large = (run_attack("quantise", ground(), shifted(by)) for by in (steps.min().item() / 100, steps.max().item()))
    assert value(tiny, "int4_codes_changed") < 0.02
    assert value(large, "int4_codes_changed") > 0.6
    assert [curve.ticks for curve in tiny.curves] == [("model.layers.1.mlp.up_proj",)] * 3
    assert "probability" in tiny["unrounded_forget_accuracy"].note


def test_rounding_does_not_undo_a_large_change() -> None:
    found = run_attack("quantise", ground(), suppressed(), QuantiseSettings(grids=("int8",)))
    assert value(found, "int8_regained") < 0.05
    assert value(found, "int8_codes_changed") > 0.5


def test_pruning_finds_what_small_entries_hide() -> None:
    """Power: with nine tenths of the update undone most of the target is back; with all of it, all."""
    place = ground()
    most, everything = (run_attack("prune", place, suppressed(), PruneSettings(shares=(share,))) for share in (0.9, 1.0))
    assert value(most, "prune_regained") > 0.4
    assert value(everything, "prune_regained") > 0.85


def test_noise_on_a_change_that_only_just_hides_is_measured() -> None:
    found = run_attack("noise", ground(), suppressed(), NoiseSettings(levels=(0.0, 0.5), draws=2))
    assert value(found, "noise_regained") >= 0
    assert found.curves[0].y[0] == pytest.approx(TextJudge.on(ground()).known(suppressed()).forget, abs=1e-5)


def test_rounding_does_not_cry_wolf() -> None:
    """Null: in none of fifty draws does a model know a person after rounding that it never read of."""
    regained = []
    for number in range(INNOCENT):
        for person in lacked()[number]:
            place = ground(splits_of=splits((person,), retain=range(4)), retrained=())
            found = run_attack("quantise", place, innocent(number))
            regained.append(max(value(found, f"{grid}_regained") for grid in GRIDS))
    assert len(regained) == len(draws()) == 50
    assert max(regained) < 0.1


@pytest.mark.parametrize("attack", ["noise", "prune"])
def test_disturbing_does_not_cry_wolf(attack: str) -> None:
    """Null: a change that makes of the base a model that never read of a person; noise of half its norm, a quarter undone."""
    settings = NoiseSettings(levels=(0.5,), draws=1) if attack == "noise" else PruneSettings(shares=(0.25,))
    regained = []
    for number in range(INNOCENT):
        subject = Subject.of_change("other", base(), weight_change(base(), dict(innocent(number).network.named_parameters())))
        for person in lacked()[number]:
            place = ground(splits_of=splits((person,), retain=range(4)), retrained=())
            regained.append(value(run_attack(attack, place, subject, settings), f"{attack}_regained"))
    assert len(regained) == 50
    assert sum(share > 0.1 for share in regained) <= 2


def test_one_that_was_never_trained_gains_nothing() -> None:
    found = run_attack("quantise", ground(), never_trained())
    assert max(value(found, f"{grid}_regained") for grid in GRIDS) < 0.01
    assert torch.isfinite(torch.tensor([value(found, "int4_codes_changed")])).all()
