"""Membership inference on answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.core.statistics import rank_auc
from lorasteer.evaluation.audit import run_attack
from lorasteer.evaluation.audit.language.membership import SCORES, TextMembershipSettings
from tests.evaluation.language.build import answers
from tests.support.audited_text import (
    READ_OF,
    STRANGERS,
    base,
    draws,
    ground,
    innocent,
    lacked,
    rows,
    splits,
    suppressed,
    value,
)  # fmt: skip
from tests.support.proofs import proves

NAME = "answer-membership"


@proves("hand", NAME)
def test_scores_and_area_worked_by_hand() -> None:
    """Members answer with p = 1/2 and 1/4, others with 1/4 and 1/8: of four pairs three are won and one is a tie."""
    members, others = answers([0.5], [0.25]), answers([0.25], [0.125])
    mine, theirs = SCORES["loss"](members), SCORES["loss"](others)
    assert mine.tolist() == pytest.approx([-np.log(2), -np.log(4)])
    assert rank_auc(mine, theirs) == pytest.approx(3.5 / 4)
    assert SCORES["zlib"](members).tolist() == pytest.approx([-np.log(2) / 10, -np.log(4) / 10])


@proves("invariance", NAME)
def test_it_gives_the_same_again_and_leaves_the_model_alone() -> None:
    before, random = base().digest, torch.get_rng_state()
    first, again = (run_attack(NAME, ground(), suppressed()) for _ in range(2))
    assert first.measurements == again.measurements
    assert first.curves == again.curves
    assert base().digest == before
    assert torch.equal(torch.get_rng_state(), random)


@proves("power", NAME)
def test_a_base_that_knows_them_by_heart_is_told_from_one_that_does_not() -> None:
    """Power: the base gives its members away, and so does one that denies them, from the other side."""
    place = ground()
    knows = run_attack(NAME, place, place.original)
    assert value(knows, "loss_auc") > 0.95
    assert value(knows, "min_k_auc") > 0.95
    assert abs(value(run_attack(NAME, place, suppressed()), "loss_auc") - 0.5) > 0.15


@proves("null", NAME, draws=50)
def test_people_that_nobody_read_of_are_not_told_from_strangers() -> None:
    """Null: fifty draws of a model and a person it never read of; five answers against the strangers' ten, so 0.5 ± 0.35.

    The people may differ by their names, so the mean over all draws says more than one of them: it stays near one half.
    """
    found = []
    for number, person in draws():
        place = ground(splits_of=splits((person,)), retrained=())
        found.append(value(run_attack(NAME, place, innocent(number)), "loss_auc"))
    assert len(found) == 50
    assert abs(np.mean(found) - 0.5) < 0.15
    assert np.mean(np.abs(np.array(found) - 0.5) > 0.45) <= 0.1


def test_rates_that_few_answers_cannot_support_are_refused() -> None:
    result = run_attack(NAME, ground(), suppressed())
    refused = result["loss_tpr_1_percent"]
    assert refused.value is None
    assert "needs" in refused.note
    assert {len(lacked()[0]), READ_OF, STRANGERS} == {5, 12, 2}


def test_without_answers_nobody_read_there_is_nothing_to_rank_against() -> None:
    place = ground()
    result = run_attack(NAME, place, place.original, TextMembershipSettings(examples=3))
    assert all(one.value is None for one in result.measurements)
    assert "needs 4 answers on each side" in result.measurements[0].note
    assert len(rows((0,))) == 5
