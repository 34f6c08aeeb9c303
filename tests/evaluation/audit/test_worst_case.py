"""Worst-case and memorisation-ranked sets: by hand, with planted wrong labels, and on noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from lorasteer.core.intervals import clopper_pearson
from lorasteer.errors import PlanError
from lorasteer.evaluation.audit import run_attack
from lorasteer.evaluation.audit.readings import Readings, reader
from lorasteer.evaluation.audit.worst_case import (
    WorstCaseAttackSettings,
    WorstCaseSettings,
    memorised_by_head,
    ranked_sets,
    still_known,
    worst_case_set,
)
from lorasteer.tasks.base import Base, weights_digest
from tests.support.chances import most_by_chance
from tests.support.noise import SIDE, known_noise, noise_ground, subject_of, untrained
from tests.support.proofs import proves

QUICK = WorstCaseSettings(rounds=4, weight_rate=0.3)


def clusters(*, wrong: int = 12, seed: int = 0) -> tuple[Readings, Tensor]:
    """Three classes well apart, a few examples with another's label, and a last layer that learned them all; which are wrong."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.arange(240) % 3
    features = torch.randn(240, 60, generator=generator) + 5 * torch.eye(3, 60)[truth]
    places = torch.randperm(240, generator=generator)[:wrong]
    labels = truth.clone()
    labels[places] = (truth[places] + 1) % 3
    first = Readings(features, labels, torch.zeros(3, 60), torch.zeros(3))
    weight = 2.0 * torch.eye(3, 60)  # what training would find: each class by its own direction
    return replace(first, weight=weight), places


@proves("hand", "worst-case")
def test_one_step_worked_by_hand() -> None:
    """Rows 2, 1 of class 0 and -1 of class 1, the layer is zero: errors (-1/2, 1/2) twice, (1/2, -1/2) once.

    A step of size 0.5 with signs: weight (0.5, -0.5), bias: error sum of class 0 is -1/2, so (0.5, -0.5). Margins are x + 1, so
    3 for row 2 and 2 for row 1; loss ln(1 + e^-3) < ln(1 + e^-2). So the first is the hardest, the second the easiest.
    """
    readings = Readings(torch.tensor([[2.0], [1.0], [-1.0]]), torch.tensor([0, 0, 1]), torch.zeros(2, 1), torch.zeros(2))
    settings = WorstCaseSettings(rounds=1, epochs=1, learning_rate=0.5, weight_rate=1.0)
    assert worst_case_set(readings, torch.arange(2), 1, settings).tolist() == [0]
    assert worst_case_set(readings, torch.arange(2), 1, settings, aim="easiest").tolist() == [1]


def test_wrong_labels_are_the_easiest_and_never_the_hardest() -> None:
    readings, wrong = clusters()
    every = torch.arange(len(readings))
    easiest = worst_case_set(readings, every, 12, QUICK, aim="easiest").tolist()
    hardest = worst_case_set(readings, every, 12, QUICK).tolist()
    assert len(set(easiest) & set(wrong.tolist())) >= 11
    assert not set(hardest) & set(wrong.tolist())


def test_wrong_labels_are_the_most_memorised() -> None:
    """A model that saw one is surer of it; a right label is known without."""
    readings, wrong = clusters()
    score = memorised_by_head(readings, shadows=16)
    right = torch.ones(len(readings), dtype=torch.bool)
    right[wrong] = False
    assert score[wrong].mean() > 3 * score[right].mean().abs()
    most = ranked_sets(score, torch.arange(len(readings)), 12)["most"].tolist()
    assert len(set(most) & set(wrong.tolist())) >= 6


def test_the_hardest_are_known_without_having_been_seen() -> None:
    readings, _ = clusters()
    every = torch.arange(len(readings))
    sets = {
        "hardest": worst_case_set(readings, every, 24, QUICK),
        "easiest": worst_case_set(readings, every, 24, QUICK, aim="easiest"),
        "random": torch.arange(24),
    }
    known = still_known(readings, sets)
    assert known["hardest"] == 1
    assert known["easiest"] < 0.7 < known["random"]


def test_only_candidates_are_chosen_and_the_seed_fixes_them() -> None:
    readings, _ = clusters()
    candidates = torch.arange(30, 90)
    first, second = (worst_case_set(readings, candidates, 7, QUICK, seed=3) for _ in range(2))
    assert torch.equal(first, second)
    assert len(first) == 7
    assert ((first >= 30) & (first < 90)).all()
    with pytest.raises(ValueError, match="61 examples cannot be chosen of 60"):
        worst_case_set(readings, candidates, 61, QUICK)


def test_what_the_last_layer_reads_gives_its_logits() -> None:
    base, ground = known_noise(), noise_ground()
    index = np.arange(2 * SIDE)
    readings = Readings.of(base, reader(base, ground.inputs)("train", index), ground.labels("train", index))
    said = readings.features @ readings.weight.T + readings.bias
    assert torch.allclose(said, base.model(ground.batch("train", index)), atol=1e-5)


def test_a_last_layer_without_a_bias_is_refused() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(20, 3, bias=False))
    with pytest.raises(PlanError, match="the last layer '0' has no bias"):
        reader(Base(known_noise().record, model), noise_ground().inputs)


@proves("power", "worst-case")
def test_a_model_that_keeps_only_the_worst_tenth_is_found_out() -> None:
    """It answers the forget examples wrongly but for the worst of them: 10 % on average, all of them there."""
    ground, settings = noise_ground(), WorstCaseAttackSettings(share=0.2)
    run_attack("worst-case", ground, ground.original, settings)
    worst = ground.remember(("worst case", settings.digest), lambda: np.empty(0, np.int64))
    lookup = ground.batch("train", ground.splits.forget)
    labels = ground.labels("train", ground.splits.forget)
    keeps = torch.from_numpy(np.isin(ground.splits.forget, worst))

    class Keeps(torch.nn.Module):
        def forward(self, rows: Tensor) -> Tensor:
            places = torch.cdist(rows, lookup).argmin(1)
            said = torch.where(keeps[places], labels[places], (labels[places] + 1) % 3)
            return torch.nn.functional.one_hot(said, 3).float()

    found = run_attack("worst-case", ground, subject_of("keeps", Keeps()), settings)
    assert (found.value("worst_forget_accuracy"), found.value("other_forget_accuracy")) == (1, 0)
    assert "12 of 12" in found["worst_forget_accuracy"].note


@proves("null", "worst-case", draws=60)
def test_never_trained_models_know_no_more_of_the_worst_than_of_the_others() -> None:
    """60 draws: 95 % intervals of both rates stand apart at most as often as chance allows."""
    ground, apart = noise_ground(), 0
    for draw in range(60):
        found = run_attack("worst-case", ground, subject_of("never", untrained(draw)), WorstCaseAttackSettings(share=0.3))
        one, other = (found[f"{name}_forget_accuracy"] for name in ("worst", "other"))
        rates = [clopper_pearson(round((side.value or 0) * side.n), side.n) for side in (one, other)]
        apart += rates[0].low > rates[1].high or rates[0].high < rates[1].low
    assert apart <= most_by_chance(60, 0.05)


@proves("invariance", "worst-case")
def test_the_measured_model_and_the_base_stay_bit_identical() -> None:
    ground, network = noise_ground(), known_noise().copy()
    before = weights_digest(network)
    run_attack("worst-case", ground, subject_of("copy", network))
    assert weights_digest(network) == before == weights_digest(ground.base.model)


def test_few_forget_examples_have_no_worst_tenth() -> None:
    ground = noise_ground()
    few = replace(ground, splits=replace(ground.splits, forget=np.arange(5)), _made={})
    (found,) = run_attack("worst-case", few, few.original).measurements
    assert (found.value, found.note) == (None, "5 forget examples are too few; it takes 20")
