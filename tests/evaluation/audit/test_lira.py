"""LiRA and U-LiRA: by hand, on planted leaks, and on models that know nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorasteer.core.intervals import auc_interval
from lorasteer.core.membership import likelihood_ratio
from lorasteer.core.statistics import label_log_odds
from lorasteer.errors import PlanError
from lorasteer.evaluation.audit import heads, run_attack
from lorasteer.evaluation.audit.lira import LiraSettings, UnlearnedLiraSettings, unlearnings
from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.rmia import RelativeSettings
from lorasteer.evaluation.audit.shadows import Shadows, ShadowSettings, forward_cost, pool_of, shadow_models
from lorasteer.evaluation.audit.subject import Ground
from lorasteer.records.audit import AttackResult
from lorasteer.tasks.activations import Inputs
from lorasteer.tasks.base import Base, weights_digest
from lorasteer.tasks.splits import Holdout, Index, Part, Splits
from tests.support.chances import most_by_chance
from tests.support.noise import (
    SIDE,
    Noise,
    base_of,
    known_noise,
    noise_ground,
    splits_of,
    subject_of,
    taught,
    untrained,
)
from tests.support.proofs import proves

SHADOWS = {"kind": "full", "shadows": 16}
SETTINGS = {"lira": LiraSettings, "rmia": RelativeSettings, "u-lira": UnlearnedLiraSettings}
MEMBERS, OTHERS = [3.0, 2.0, 1.0, 0.0], [2.5, 0.5, -1.0, -2.0]


class Table:
    """Eight examples of class 0 whose only number is the log-odds that `Says` gives them."""

    digest = "table"

    def size(self, part: Part) -> int:
        return 4

    def batch(self, part: Part, index: Index) -> Tensor:
        return torch.tensor(MEMBERS if part == "train" else OTHERS)[index, None]

    def labels(self, part: Part, index: Index) -> Tensor:
        return torch.zeros(len(index), dtype=torch.int64)


class Says(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return torch.cat([rows, torch.zeros_like(rows)], 1)


class Always(nn.Module):
    """Says the same log-odds of every example."""

    def __init__(self, odds: float) -> None:
        super().__init__()
        self.odds = odds

    def forward(self, rows: Tensor) -> Tensor:
        return torch.tensor([[self.odds, 0.0]]).expand(len(rows), 2)


def table_ground(settings: ShadowSettings) -> Ground:
    """Four shadow models: trained on an example they say 1 and 3, not trained on it -1 and 1."""
    nobody, every = np.empty(0, np.int64), np.arange(4)
    splits = Splits(every, nobody, every, nobody, Holdout("train", nobody), "table")
    ground = Ground(known_noise(), Table(), splits)
    inside = torch.tensor([[True], [True], [False], [False]]).expand(4, 8)
    odds = torch.tensor([1.0, 3.0, -1.0, 1.0])[:, None, None].expand(4, 8, 1)
    logits = torch.cat([odds, torch.zeros_like(odds)], -1)
    made = Shadows("full", pool_of(ground, settings), inside, logits, ({},) * 4, 4, 0.0)
    ground.remember(("shadows", settings.training.digest, False), lambda: made)
    return ground


@proves("hand", "lira")
def test_lira_worked_by_hand() -> None:
    """Both variances are 2, so the ratio at x is (x² - (x - 2)²) / 4 = x - 1: it ranks as x does.

    Of 16 pairs 3 wins four, 2 three, 1 three and 0 two: 12 / 16. Below -1 lies no member; above 1 lie 3 and 2.
    Training raises confidence by 2, which is 2 / sqrt 2 deviations.
    """
    settings = LiraSettings(kind="full", shadows=4)
    found = run_attack("lira", table_ground(settings), subject_of("table", Says()), settings)
    assert found.value("lira_auc") == 0.75
    assert (found.value("lira_below"), found.value("lira_above")) == (0, 0.5)
    assert found.value("lira_memorised") == pytest.approx(math.sqrt(2))
    assert found["lira_auc"].note.startswith("4 forget examples against 4 never seen ones of the same classes; 95 % interval")
    assert "4 shadow models (full: trained from new)" in found.notes[0]


def test_how_many_shadow_models_unlearn_follows_from_the_cost() -> None:
    """A run is taken to cost five passes of the pool; between 8 and 16 runs are bought, an even number."""
    ground = noise_ground()
    run = len(pool_of(ground, ShadowSettings())) * forward_cost(ground) * 5
    bought = {runs: UnlearnedLiraSettings(patience=(runs + 0.5) * run, shadows=64) for runs in (1, 11, 12, 99)}
    assert {runs: unlearnings(ground, settings) for runs, settings in bought.items()} == {1: 8, 11: 10, 12: 12, 99: 16}
    assert unlearnings(ground, UnlearnedLiraSettings(unlearned=4)) == 4
    assert unlearnings(ground, UnlearnedLiraSettings(unlearned=20, shadows=6)) == 6


@proves("hand", "u-lira")
def test_unlearned_lira_worked_by_hand() -> None:
    """Shadow models that unlearned an example say 1 and 3, those that never saw it 1, 1 and -2, 0: again x - 1, as with LiRA.

    Of the members 3 and 2 lie above 1, where the ratio speaks for having been unlearned. The two shadow models that were not
    trained on the examples have nothing to unlearn and do not count, whatever they say.
    """
    settings = UnlearnedLiraSettings(kind="full", shadows=4, unlearned=4)
    ground = table_ground(settings)
    shadows = shadow_models(ground, settings)
    odds = torch.tensor([1.0, 1.0, -2.0, 0.0])[:, None, None].expand(4, 8, 1)
    logits = torch.cat([odds, torch.zeros_like(odds)], -1)
    clean = replace(shadows, halves=torch.zeros_like(shadows.halves), logits=logits)
    ground.remember(("shadows", settings.training.digest, True), lambda: clean)

    def again(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        return Always([1.0, 3.0, 50.0, -50.0][seed])

    found = run_attack("u-lira", ground, subject_of("table", Says(), again=again), settings)
    assert found.value("ulira_auc") == 0.75
    assert found.value("ulira_recognised") == 0.5
    assert found["ulira_recognised"].note.endswith("2 of 4, 95 % interval 0.0676 to 0.9324")


def test_offline_lira_ranks_by_the_distance_from_models_that_never_saw_it() -> None:
    """(x - 0) / sqrt 2 ranks as x does."""
    settings = LiraSettings(kind="full", shadows=4, offline=True)
    assert run_attack("lira", table_ground(settings), subject_of("table", Says()), settings).value("lira_auc") == 0.75


def test_low_rates_are_refused_where_there_are_too_few_others() -> None:
    settings = LiraSettings(kind="full", shadows=4)
    found = run_attack("lira", table_ground(settings), subject_of("table", Says()), settings)
    for name, rate, needed in (("1_percent", "1.0%", 100), ("0_1_percent", "0.1%", 1000)):
        refused = found[f"lira_tpr_{name}"]
        assert refused.value is None
        assert refused.note == f"a false-positive rate of {rate} needs {needed} examples never seen, there are 4"


@pytest.fixture
def ground(shadowed: Ground) -> Ground:
    return shadowed


def attacked(ground: Ground, network: nn.Module, attack: str = "lira", **settings: object) -> AttackResult:
    return run_attack(attack, ground, subject_of("planted", network), SETTINGS[attack](**SHADOWS, **settings))


@pytest.mark.parametrize("settings", [{}, {"offline": True}])
@proves("power", "lira")
def test_examples_known_by_heart_are_found(ground: Ground, settings: dict[str, object]) -> None:
    found = attacked(ground, ground.base.model, **settings)
    assert found.value("lira_auc") > 0.9
    assert found.value("lira_auc_low") > 0.8
    assert found.value("lira_memorised") > 1
    assert found.value("lira_below") == 0


def test_a_model_that_never_saw_them_gives_nothing_away(ground: Ground) -> None:
    found = attacked(ground, ground.retrained[0].network)
    assert found.value("lira_auc_low") <= 0.5 <= found.value("lira_auc_high")


def test_driven_away_it_gives_itself_away_by_absence(ground: Ground) -> None:
    """Taught another class for each forget example, it is conspicuously sure that these are not what they are."""
    found = attacked(ground, taught(Noise(), np.arange(2 * SIDE), 3, wrong=SIDE))
    assert found.value("lira_auc_high") < 0.5
    assert found.value("lira_below") > 0.2  # by chance 1/9


@proves("null", "lira", draws=60)
def test_never_trained_models_raise_no_alarm(ground: Ground) -> None:
    """60 draws of a network that learned nothing and of who counts as member; 95 % intervals miss one half by chance."""
    shadows = shadow_models(ground, LiraSettings(**SHADOWS))
    confidence, pool, alarms = shadows.confidence, shadows.pool, 0
    every = np.arange(pool.candidates)
    for draw in range(60):
        said = label_log_odds(untrained(draw)(pool.batch("train", every)).detach(), pool.classes)
        score = likelihood_ratio(said, confidence, shadows.inside)
        lot = torch.randperm(len(score), generator=torch.Generator().manual_seed(draw))
        _, low, high = auc_interval(score[lot[:SIDE]], score[lot[SIDE:]])
        alarms += not low <= 0.5 <= high
    assert alarms <= most_by_chance(60, 0.05)


@proves("null", "lira", draws=50)
def test_never_trained_models_as_subjects_raise_no_alarm(ground: Ground) -> None:
    """The same through the attack itself: 50 networks, members and others as they are."""
    areas = [attacked(ground, untrained(100 + draw)) for draw in range(50)]
    alarms = [found.value("lira_auc_low") > 0.5 or found.value("lira_auc_high") < 0.5 for found in areas]
    assert sum(alarms) <= most_by_chance(50, 0.05)


@pytest.mark.parametrize("attack", ["lira", "rmia", "u-lira"])
@proves("invariance", "lira", "rmia", "u-lira")
def test_the_measured_model_and_the_base_stay_bit_identical(ground: Ground, attack: str) -> None:
    before = weights_digest(ground.base.model)
    network = known_noise().copy()
    found = run_attack(attack, ground, subject_of("copy", network, again=relearned), SETTINGS[attack](**SHADOWS))
    assert found.measurements[0].value is not None
    assert weights_digest(network) == before == weights_digest(ground.base.model)
    assert weights_digest(ground.retrained[0].network) == ground.retrained[0].digest


def relearned(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
    """Unlearning that unlearns nothing."""
    return base.model


def retrained(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
    """Unlearning that is training anew without the forget set."""
    assert isinstance(inputs, Pool)
    pixels, labels = inputs.batch("train", splits.retain), inputs.labels("train", splits.retain)
    network = untrained(50 + seed).train()
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3, weight_decay=0.0)
    with torch.enable_grad():
        for _ in range(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(pixels), labels).backward()
            optimizer.step()
    return network.eval().requires_grad_(False)


@proves("power", "u-lira")
def test_unlearning_that_does_nothing_is_recognised(ground: Ground) -> None:
    subject = subject_of("nothing done", ground.base.model, again=relearned)
    found = run_attack("u-lira", ground, subject, UnlearnedLiraSettings(**SHADOWS))
    assert found.value("ulira_auc_low") > 0.7
    assert found.value("ulira_recognised") > 0.9
    assert found.value("ulira_recognised_retrained") < 0.5
    assert "16 shadow models unlearned" in found.notes[1]


def test_training_anew_is_not(ground: Ground) -> None:
    subject = replace(ground.retrained[0], again=retrained)
    found = run_attack("u-lira", ground, subject, UnlearnedLiraSettings(**SHADOWS))
    assert found.value("ulira_auc_low") <= 0.5 <= found.value("ulira_auc_high")
    assert found.value("ulira_recognised") < 0.9


def never_trained_on_them(draw: int) -> AttackResult:
    """U-LiRA on a last layer that never saw a candidate, by a method that gives such last layers, all drawn anew."""
    settings = UnlearnedLiraSettings(kind="head", shadows=8, unlearned=8, learning_rate=0.1)
    noise, features = Noise(draw), untrained(draw).eval().requires_grad_(False)
    ground = Ground(base_of(features, noise), noise, splits_of(noise), seed=draw)
    elsewhere = replace(ground, seed=1000 + draw, _made={})
    anew = shadow_models(elsewhere, settings.model_copy(update={"shadows": 10}), clean=True)

    def again(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        return anew.network(ground, seed - draw)

    return run_attack("u-lira", ground, subject_of("never", anew.network(ground, 9), again=again), settings)


@proves("null", "u-lira", draws=50)
def test_unlearning_that_is_retraining_raises_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Null: fifty draws of data, features, shadow models and model; 95 % intervals miss one half by chance.

    Nor does confidence fit models that unlearned an example better than models that never saw it: half of the time it does.
    """
    monkeypatch.setattr(heads, "LEAST_STEPS", 15)
    found = [never_trained_on_them(draw) for draw in range(50)]
    limits = [(one.value("ulira_auc_low"), one.value("ulira_auc_high")) for one in found]
    alarms = sum(not low <= 0.5 <= high for low, high in limits if low is not None and high is not None)
    assert alarms <= most_by_chance(50, 0.05)
    assert np.mean([one.value("ulira_recognised") for one in found]) == pytest.approx(0.5, abs=0.1)


def test_other_shadow_models_are_unlearned_anew(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shadow model says after unlearning is remembered with all that it was trained by."""
    monkeypatch.setattr(heads, "LEAST_STEPS", 15)
    subject = subject_of("nothing done", ground.base.model, again=relearned)
    slow, fast = (UnlearnedLiraSettings(kind="head", shadows=8, unlearned=8, learning_rate=rate) for rate in (0.001, 0.1))
    first, second = (run_attack("u-lira", ground, subject, settings).measurements for settings in (slow, fast))
    alone = run_attack("u-lira", replace(ground, _made={}), subject, fast).measurements
    assert first != second
    assert second == alone


def test_shadow_models_unlearn_what_they_were_trained_on_and_nothing_else(ground: Ground) -> None:
    asked: list[Splits] = []

    def noted(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        asked.append(splits)
        return base.model

    run_attack("u-lira", ground, subject_of("noted", known_noise().copy(), again=noted), UnlearnedLiraSettings(**SHADOWS))
    shadows = shadow_models(ground, UnlearnedLiraSettings(**SHADOWS))
    assert len(asked) == 16
    for number, splits in enumerate(asked):
        seen = shadows.halves[number].nonzero().squeeze(1).tolist()
        assert sorted([*splits.forget, *splits.retain]) == seen
        assert max(splits.forget) < shadows.pool.candidates <= min(splits.retain)
        assert not set(splits.validation.index.tolist()) & set(seen)


@pytest.mark.parametrize("attack", ["lira", "rmia"])
def test_answers_that_are_no_numbers_are_not_ranked(ground: Ground, attack: str) -> None:
    broken = known_noise().copy()
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)
    found = attacked(ground, broken, attack).measurements
    assert {(number.value, number.note) for number in found} == {(None, "the model's answers are not finite")}


def test_without_a_way_to_do_it_again_the_unlearned_side_is_missing(ground: Ground) -> None:
    found = attacked(ground, known_noise().copy(), "u-lira")
    assert found.value("ulira_auc") is None
    assert found["ulira_auc"].note == "how this model was made cannot be done again"


def test_a_method_that_does_not_fit_a_shadow_model_is_no_crash(ground: Ground) -> None:
    def refuses(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        raise PlanError("there is no recipe.")

    subject = subject_of("refuses", untrained(9), again=refuses)
    found = run_attack("u-lira", ground, subject, UnlearnedLiraSettings(**SHADOWS))
    assert found.value("ulira_auc") is None
    assert found["ulira_auc"].note == "it cannot be done again on a shadow model: there is no recipe."


def test_an_example_that_no_shadow_model_unlearns_is_said(ground: Ground) -> None:
    """Each example is in 8 of 16 shadow models; of 120, some are in none of the first four."""
    subject = subject_of("nothing done", ground.base.model, again=relearned)
    found = run_attack("u-lira", ground, subject, UnlearnedLiraSettings(**SHADOWS, unlearned=4))
    alone = int((~shadow_models(ground, LiraSettings(**SHADOWS)).inside[:4].any(0)).sum())
    assert found.value("ulira_auc") is None
    assert found["ulira_auc"].note == (
        f"{alone} examples are in none of the 4 shadow models that unlearn; set `unlearned` higher"
    )


def test_three_examples_are_too_few(ground: Ground) -> None:
    small = noise_ground(splits=replace(ground.splits, forget=np.arange(3)))
    for attack in ("lira", "rmia", "u-lira"):
        found = attacked(small, known_noise().model, attack)
        assert "3 forget examples and 60 never seen ones of the same classes are too few" in found.measurements[0].note
