"""Membership attacks on text: the scores, the areas and their direction, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lorasteer.evaluation.language import TextContext, evaluate_text
from lorasteer.evaluation.language.attacks.membership import loss, min_k, min_k_plus, zlib
from lorasteer.records import Evaluation
from tests.evaluation.language.build import answers, outputs, whole


def measured(forget: Any, validation: Any, *retrained: Any) -> Evaluation:
    return evaluate_text(TextContext(outputs(forget=forget, validation=validation), None, retrained))


def test_scores_worked_by_hand() -> None:
    """Five tokens of log p 0, -1, -2, -3, -4: mean -2; over 8 bytes -0.25; the lowest 40 % are two: (-4 - 3) / 2."""
    log_p = torch.tensor([0.0, -1.0, -2.0, -3.0, -4.0], dtype=torch.float64)
    said = answers([0.5] * 5, log_prob=log_p, compressed=whole([8]), mean=torch.full((5,), -1.0), std=torch.full((5,), 2.0))
    assert [attack(said).item() for attack in (loss, zlib, min_k)] == pytest.approx([-2.0, -0.25, -3.5])
    assert min_k_plus(said).item() == pytest.approx((-3.5 + 1) / 2)


@pytest.mark.parametrize(("mine", "theirs", "auc"), [(0.9, 0.2, 1.0), (0.2, 0.9, 0.0), (0.5, 0.5, 0.5)])
def test_one_is_still_memorised_and_zero_over_forgotten(mine: float, theirs: float, auc: float) -> None:
    found = measured(answers([mine], [mine]), answers([theirs], [theirs]))
    for name in ("mia_auc", "mia_auc_zlib", "mia_auc_min_k", "mia_auc_min_k_plus"):
        assert found.value(name) == auc, name
        assert (found[name].better, found[name].ideal, found[name].n) == ("near-ideal", 0.5, 2)
    assert found["mia_auc"].note == "2 forget against 2 held-out examples"


def test_an_area_between() -> None:
    """0.9 and 0.3 against 0.5: one of two pairs is won."""
    assert measured(answers([0.9], [0.3]), answers([0.5])).value("mia_auc") == 0.5


def test_the_reference_takes_out_what_is_easy_for_everybody() -> None:
    """The held-out text is easy (0.8) for the retrained model as well; of the forget text only this model knows more."""
    mine = outputs(forget=answers([0.5]), validation=answers([0.8]))
    gold = outputs("retrained", forget=answers([0.1]), validation=answers([0.8]))
    found = evaluate_text(TextContext(mine, None, (gold,)))
    assert (found.value("mia_auc"), found.value("mia_auc_reference")) == (0.0, 1.0)


def test_privacy_leak_worked_by_hand() -> None:
    """This model: 2 of 2 pairs won, area 1. The retrained one: 1 of 2, area 1/2. ((1 - 1) - (1 - 1/2)) / (1/2) = -100 %."""
    held = answers([0.5], [0.6])
    gold = outputs("retrained", forget=answers([0.55]), validation=held)
    found = evaluate_text(TextContext(outputs(forget=answers([0.9]), validation=held), None, (gold,)))
    assert (found.value("privacy_leak"), found["privacy_leak"].note) == (-100.0, "the retrained model's area is 0.500")
    over = evaluate_text(TextContext(outputs(forget=answers([0.1]), validation=held), None, (gold,)))
    assert over.value("privacy_leak") == 100.0


def test_one_side_alone_is_no_coin_toss() -> None:
    found = measured(answers([0.5]), answers())
    assert (found.value("mia_auc"), found["mia_auc"].note) == (
        None, "no held-out examples, which were never trained on, to compare with",
    )  # fmt: skip
    assert measured(answers(), answers([0.5]))["mia_auc"].note == "no examples in forget"


def test_nothing_to_measure_privacy_against() -> None:
    held = answers([0.1])
    gold = outputs("retrained", forget=answers([0.9]), validation=held)
    found = evaluate_text(TextContext(outputs(forget=answers([0.5]), validation=held), None, (gold,)))
    assert found.value("privacy_leak") is None
    assert "differ before any unlearning" in found["privacy_leak"].note
    assert math.isclose(found.value("mia_auc_reference") or 0.0, 0.0)
