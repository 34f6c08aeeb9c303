"""RMIA: by hand, on planted leaks, and on models that know nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.core.intervals import auc_interval
from lorasteer.core.membership import reference_log_probability, relative_score
from lorasteer.evaluation.audit import run_attack
from lorasteer.evaluation.audit.rmia import RelativeSettings
from lorasteer.evaluation.audit.shadows import shadow_models
from lorasteer.evaluation.audit.subject import Ground
from tests.evaluation.audit.test_lira import Says, table_ground
from tests.support.chances import most_by_chance
from tests.support.noise import SIDE, Noise, known_noise, subject_of, taught, untrained
from tests.support.proofs import proves

SETTINGS = RelativeSettings(kind="full", shadows=16)


@proves("hand", "rmia")
def test_rmia_worked_by_hand() -> None:
    """All shadow models say the same of all examples, so the ratio ranks as the log-odds do.

    Against 2.5, 0.5, -1, -2: 3 beats four, 2 and 1 beat three, 0 two; the scores are 1, 3/4, 3/4, 1/2. The others beat 3, 2, 1
    and 0 of the other three: 1, 2/3, 1/3, 0. Pairs won: 1 ties with 1 and wins three, 3/4 wins three (twice), 1/2 wins two: 11.5.
    """
    settings = RelativeSettings(kind="full", shadows=4)
    found = run_attack("rmia", table_ground(settings), subject_of("table", Says()), settings)
    assert found.value("rmia_auc") == 11.5 / 16


@pytest.fixture
def ground(shadowed: Ground) -> Ground:
    return shadowed


@pytest.mark.parametrize("settings", [SETTINGS, SETTINGS.model_copy(update={"offline": 0.3})])
@proves("power", "rmia")
def test_examples_known_by_heart_are_found(ground: Ground, settings: RelativeSettings) -> None:
    found = run_attack("rmia", ground, subject_of("base", known_noise().copy()), settings)
    assert found.value("rmia_auc_low") > 0.8


def test_driven_away_it_gives_itself_away_by_absence(ground: Ground) -> None:
    network = taught(Noise(), np.arange(2 * SIDE), 3, wrong=SIDE)
    assert run_attack("rmia", ground, subject_of("wrong", network), SETTINGS).value("rmia_auc_high") < 0.5


@proves("null", "rmia", draws=60)
def test_never_trained_models_raise_no_alarm(ground: Ground) -> None:
    """60 draws of a network that learned nothing and of who counts as member."""
    shadows = shadow_models(ground, SETTINGS)
    pool, reference, alarms = shadows.pool, reference_log_probability(shadows.log_probability, shadows.inside), 0
    pixels = pool.batch("train", np.arange(pool.candidates))
    for draw in range(60):
        said = untrained(draw)(pixels).detach().double().log_softmax(-1).gather(1, pool.classes[:, None]).squeeze(1)
        lot = torch.randperm(pool.candidates, generator=torch.Generator().manual_seed(draw))
        ratio, member = (said - reference)[lot], torch.arange(pool.candidates) < SIDE
        score = relative_score(ratio, ratio[~member], own=(~member).double())
        _, low, high = auc_interval(score[member], score[~member])
        alarms += not low <= 0.5 <= high
    assert alarms <= most_by_chance(60, 0.05)
