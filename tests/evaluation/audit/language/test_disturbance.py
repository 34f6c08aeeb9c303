"""Rounding, noise, pruning and the switched-off change, on language models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lorasteer.changes.weights import weight_change
from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.recovery import TextJudge, TextScore, mean_probability
from lorasteer.evaluation.audit.noise import NoiseSettings, PruneSettings, blurred, thinned
from lorasteer.evaluation.audit.quantisation import GRIDS, QuantiseSettings, rounded
from lorasteer.evaluation.audit.switch import SwitchSettings
from lorasteer.evaluation.audit.weights import altered
from lorasteer.tasks.language.network import Network
from tests.support.audited_text import (
    HIDING,
    INNOCENT,
    base,
    denied,
    draws,
    ground,
    innocent,
    lacked,
    never_trained,
    splits,
    suppressed,
    value,
)
from tests.support.proofs import proves

UP = "model.layers.1.mlp.up_proj.weight"
HIDES = 0.5


def shifted(by: float) -> Subject:
    """The base with one matrix moved by a constant."""
    return Subject.of_change("shifted", base(), weight_change(base(), {UP: base().model.get_parameter(UP) + by}))


@proves("power", "switch-off")
@proves("hand", "switch-off")
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


@proves("hand", "quantise")
def test_an_update_below_half_a_step_changes_few_codes() -> None:
    """Power, by hand: a shift of a hundredth of the smallest int4 step changes one code in fifty at most, of the largest most."""
    steps = base().model.get_parameter(UP).abs().amax(1) / 7
    tiny, large = (run_attack("quantise", ground(), shifted(by)) for by in (steps.min().item() / 100, steps.max().item()))
    assert value(tiny, "int4_codes_changed") < 0.02
    assert value(large, "int4_codes_changed") > 0.6
    assert [curve.ticks for curve in tiny.curves] == [("model.layers.1.mlp.up_proj",)] * 3
    assert "probability" in tiny["unrounded_forget_accuracy"].note


@proves("power", "quantise")
def test_rounding_brings_back_what_a_change_below_half_a_step_hides() -> None:
    """Power: a base that lies on the int4 grid, and a suppression that moves no entry by half a step: rounding undoes it."""
    names = [f"{name}.weight" for name in Network.of(base().model).linear_layers()]
    grid = {name: rounded(base().model.get_parameter(name), 4) for name in names}
    on_grid = replace(base(), model=altered(base().model, {name: values for name, (_, values) in grid.items()}))
    within = {
        name: (0.45 / 7 * values.abs().amax(1, keepdim=True)).expand_as(values).masked_fill(codes.abs() == 7, 0.0)
        for name, (codes, values) in grid.items()
    }  # the largest of each row stays, and so does the grid
    place = replace(ground(), base=on_grid)
    hides = weight_change(on_grid, denied(on_grid.model, within=within, rate=1e-2, steps=120))
    found = run_attack("quantise", place, Subject.of_change("below", on_grid, hides), QuantiseSettings(grids=("int4",)))
    assert value(found, "int4_codes_changed") == 0.0
    assert value(found, "unrounded_forget_accuracy") < 0.5 * value(found, "int4_forget_accuracy")
    assert value(found, "int4_regained") > 0.3


def test_rounding_does_not_undo_a_large_change() -> None:
    found = run_attack("quantise", ground(), suppressed(), QuantiseSettings(grids=("int8",)))
    assert value(found, "int8_regained") < 0.05
    assert value(found, "int8_codes_changed") > 0.5


@proves("power", "prune")
def test_pruning_finds_what_small_entries_hide() -> None:
    """Power: with nine tenths of the update undone most of the target is back; with all of it, all."""
    place = ground()
    most, everything = (run_attack("prune", place, suppressed(), PruneSettings(shares=(share,))) for share in (0.9, 1.0))
    assert value(most, "prune_regained") > 0.4
    assert value(everything, "prune_regained") > 0.85


class Entry(TextJudge):
    """A planted leak that everyone can see: the target is known wherever one entry of a matrix has left its place again."""

    def known(self, subject: Subject) -> TextScore:
        return self.tried(subject.network)

    def tried(self, network: torch.nn.Module) -> TextScore:
        moved = (network.get_parameter(UP) - base().model.get_parameter(UP))[0, 0].item()
        back = float(moved < HIDES)
        return TextScore(back, 1.0, back)


def hidden(rest: float) -> Subject:
    """The base with one entry of a matrix moved so far that it hides the target, and another by `rest`."""
    moved = base().model.get_parameter(UP).clone()
    moved[0, 0] += HIDES + 1e-4
    moved[0, 1] += rest
    return Subject.of_change("hidden", base(), weight_change(base(), {UP: moved}))


def entry() -> Entry:
    judge = TextJudge.on(ground())
    return Entry(judge.ground, judge.forget, judge.retain, judge.base)


@proves("hand", "noise")
@proves("power", "noise")
def test_noise_moves_an_entry_that_hides_the_target_back_in_half_of_the_draws() -> None:
    """Power and number: noise is even, so of 60 draws about 30 push the entry below where it hides; two errors are 0.13."""
    found = blurred(entry(), ground(), hidden(0.0), NoiseSettings(levels=(1.0,), draws=60))
    assert found.measurements[0].value == pytest.approx(0.5, abs=0.17)


@proves("hand", "prune")
def test_pruning_undoes_the_smaller_of_two_entries() -> None:
    """The hiding entry is the smaller of two, and all others are 0: undone with all entries but one, kept with all but two."""
    size = base().model.get_parameter(UP).numel()
    for entries, back in ((size - 1, 1.0), (size - 2, 0.0)):
        found = thinned(entry(), ground(), hidden(10 * HIDES), PruneSettings(shares=(entries / size,)))
        assert found.measurements[0].value == back


def test_noise_on_a_change_that_only_just_hides_is_measured() -> None:
    found = run_attack("noise", ground(), suppressed(), NoiseSettings(levels=(0.0, 0.5), draws=2))
    assert value(found, "noise_regained") >= 0
    assert found.curves[0].y[0] == pytest.approx(TextJudge.on(ground()).known(suppressed()).forget, abs=1e-5)


@proves("null", "switch-off", draws=50)
def test_switching_off_a_change_of_what_never_read_brings_nothing_back() -> None:
    """Null: the same suppression on fifty pairs of a model and a person it never read of; off, there is nothing to know."""
    recovered = []
    for number in range(INNOCENT):
        bare = replace(base(), model=innocent(number).network)
        moved = {
            name: bare.model.get_parameter(name) + suppressed().network.get_parameter(name) - base().model.get_parameter(name)
            for name in HIDING
        }
        subject = Subject.of_change("pointless", bare, weight_change(bare, moved))
        for person in lacked()[number]:
            place = replace(ground(splits_of=splits((person,), retain=range(4)), retrained=()), base=bare)
            found = run_attack("switch-off", place, subject, SwitchSettings(strengths=(0.0,)))
            recovered.append(value(found, "switched_off_forget_accuracy"))
    assert len(recovered) == 50
    assert sum(share > 0.1 for share in recovered) <= 2


@proves("null", "quantise", draws=50)
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


@proves("null", "noise", "prune", draws=50)
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
