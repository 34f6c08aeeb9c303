"""Membership inference: the balanced attack and the paper's."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation import Context, Outputs, Predictions, evaluate
from lorasteer.records import Evaluation
from tests.evaluation.build import NOBODY, outputs, sure

KNOWN, VAGUE = [0.9] * 8 + [0.1] * 2, [0.9] * 2 + [0.1] * 8


def measured(**parts: Predictions) -> Evaluation:
    return evaluate(Context(outputs(**parts)))


def two_classes(first: list[float], second: list[float]) -> Predictions:
    return sure(*first).joined(sure(*second, label=1))


def test_auc_compares_within_each_class() -> None:
    """Class 0: 0.9 beats 0.8, 0.6, 0.5; 0.6 ties with 0.6 and beats 0.5: 4.5 of 6 pairs, 0.75. Class 1: 0.7 loses: 0.

    By forget examples: (2 * 0.75 + 1 * 0) / 3 = 0.5. Across the classes it would be (3.5 + 1.5 + 2) / 12 = 0.58.
    """
    found = measured(forget=two_classes([0.9, 0.6], [0.7]), forget_test=two_classes([0.8, 0.6, 0.5], [0.9]))["mia_auc"]
    assert (found.value, found.n, found.ideal, found.better) == (pytest.approx(0.5), 3, 0.5, "near-ideal")
    assert found.note == "3 forget against 4 unseen examples of the same classes"


def test_without_test_examples_of_the_target_held_out_ones_of_its_classes_stand_in() -> None:
    """Forget is of class 0, so class 1 says nothing: 0.6 beats 0.5 (validation) and loses to 0.7 (retain_test): 1/2."""
    found = measured(
        forget=sure(0.6), validation=two_classes([0.5], [0.01]), retain_test=two_classes([0.7], [0.02, 0.03]), retain=sure(0.1)
    )["mia_auc"]
    assert (found.value, found.n, found.note) == (0.5, 1, "1 forget against 2 unseen examples of the same classes")


@pytest.mark.parametrize(("mine", "theirs", "auc"), [([0.9, 0.8], [0.3, 0.2], 1.0), ([0.3, 0.2], [0.9, 0.8], 0.0)])
def test_over_forgetting_lies_below_one_half(mine: list[float], theirs: list[float], auc: float) -> None:
    evaluation = measured(forget=sure(*mine), forget_test=sure(*theirs))
    assert evaluation.value("mia_auc") == auc


@pytest.mark.parametrize(
    ("forget", "unseen", "reason"),
    [
        (NOBODY, sure(0.9, 0.8), "no examples in forget"),
        (sure(0.9, 0.8), NOBODY, "no unseen example of the forgotten classes"),
        (sure(0.9, 0.8), sure(0.9, 0.8, label=1), "no unseen example of the forgotten classes"),
    ],
)
def test_one_side_alone_is_no_coin_toss(forget: Predictions, unseen: Predictions, reason: str) -> None:
    evaluation = measured(forget=forget, forget_test=unseen)
    for name in ("mia_auc", "mia_efficacy"):
        assert (evaluation.value(name), evaluation[name].note) == (None, reason)


def test_efficacy_worked_by_hand() -> None:
    """At 0.9 stand 8 forget and 2 unseen examples, at 0.1 2 and 8. Every fold learns: 0.9 is a member. It misses 2 of 10."""
    found = measured(forget=sure(*KNOWN), forget_test=sure(*VAGUE))["mia_efficacy"]
    assert (found.value, found.n) == (pytest.approx(0.2), 10)


def test_efficacy_finds_over_forgetting_as_well() -> None:
    """The other way round the attack learns that the unsure ones are members, and misses 2 of 10 again."""
    assert measured(forget=sure(*VAGUE), forget_test=sure(*KNOWN)).value("mia_efficacy") == pytest.approx(0.2)


def test_ten_times_as_many_unseen_examples_change_nothing() -> None:
    """Unbalanced, 0.9 would hold 8 members against 20 others and the attack would call everybody unseen (1.0)."""
    found = measured(forget=sure(*KNOWN), forget_test=sure(*(VAGUE * 10)))
    assert found.value("mia_efficacy") == pytest.approx(0.2)


def test_equal_confidence_everywhere_leaves_the_attack_guessing() -> None:
    """Every example at even odds, each counted one half."""
    found = measured(forget=sure(*[0.7] * 6), forget_test=sure(*[0.7] * 6))
    assert (found.value("mia_auc"), found.value("mia_efficacy")) == (0.5, 0.5)


def test_a_single_example_cannot_be_cross_validated() -> None:
    found = measured(forget=sure(0.9), forget_test=sure(0.8, 0.7))["mia_efficacy"]
    assert (found.value, found.note) == (None, "cross-validation needs two forget and two unseen examples")


def test_indistinguishable_sets_give_about_one_half() -> None:
    """Two samples of one distribution; the standard error of the area is 1 / sqrt(6 * 2000) = 0.009."""
    generator = torch.Generator().manual_seed(0)
    forget, unseen = (Predictions(torch.randn(2000, 4, generator=generator), torch.arange(2000) % 4) for _ in range(2))
    found = measured(forget=forget, forget_test=unseen)
    assert found.value("mia_auc") == pytest.approx(0.5, abs=0.03)
    assert found.value("mia_efficacy") == pytest.approx(0.5, abs=0.06)


def papers(forget: Predictions) -> Outputs:
    return outputs(forget=forget, retain=sure(*[0.9] * 4), retain_test=sure(0.9, 0.1, 0.1, 0.1))


def test_the_papers_efficacy_worked_by_hand() -> None:
    """Members stand at 0.9; of the non-members one at 0.9, three at 0.1, so even odds lie near (0.9 + 0.3) / 2 = 0.6.

    Of the forget set 0.9 is called a member, the three at 0.1 are not: 3/4.
    """
    found = evaluate(Context(papers(sure(0.9, 0.1, 0.1, 0.1))))["mia_efficacy_paper"]
    assert (found.value, found.n, found.better) == (0.75, 4, "near-retrained")
    assert found.note == "attack trained on 4 retained and 4 test examples"


def test_the_papers_auc_worked_by_hand() -> None:
    """One half of the test set is (0.9, 0.1), the other (0.1, 0.1), whichever way it is cut.

    Against retained ones at 0.9 the areas are (1/2 + 1) / 2 = 0.75 and 1; their mean is 0.875.
    """
    found = evaluate(Context(papers(NOBODY)))["mia_auc_paper"]
    assert (found.value, found.n) == (pytest.approx(0.875), 8)


def test_the_papers_attack_counts_both_sides_alike() -> None:
    """With 40 retained examples for 4 of the test set the border stays where it is."""
    model = outputs(forget=sure(0.9, 0.1, 0.1, 0.1), retain=sure(*[0.9] * 40), retain_test=sure(0.9, 0.1, 0.1, 0.1))
    assert evaluate(Context(model)).value("mia_efficacy_paper") == 0.75


def test_the_papers_attack_learns_the_direction() -> None:
    """Retained examples with *less* confidence than the test set: told apart all the same, on the halves held out."""
    model = outputs(forget=sure(0.1), retain=sure(*[0.1] * 4), retain_test=sure(*[0.9] * 4))
    evaluation = evaluate(Context(model))
    assert (evaluation.value("mia_auc_paper"), evaluation.value("mia_efficacy_paper")) == (1.0, 0.0)


def test_the_papers_attack_does_not_invent_a_number() -> None:
    found = measured(forget=sure(0.9), retain=sure(0.9), retain_test=NOBODY)
    assert (found.value("mia_auc_paper"), found.value("mia_efficacy_paper")) == (None, None)
    assert found["mia_auc_paper"].note == "the attack needs two examples in retain and test"
    assert measured(retain=sure(0.9, 0.8), retain_test=sure(0.9, 0.8))["mia_efficacy_paper"].note == "no examples in forget"
