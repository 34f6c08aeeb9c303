"""Leaks in both directions become sentences; chance does not."""

from __future__ import annotations

import pytest

from lorasteer.evaluation import Spread, verdict
from lorasteer.evaluation.verdict import tolerance
from lorasteer.records import Evaluation, Measurement


def evaluation(n: int = 10_000, **values: float | None) -> Evaluation:
    measured = [Measurement(name=k, value=v, unit="share", n=n, better="none") for k, v in values.items()]
    return Evaluation(subject="x", splits="s", model="m", measurements=tuple(measured))


GOLD = evaluation(forget_accuracy=0.0, forget_test_accuracy=0.0, retain_test_accuracy=0.95)


def unseen(n: int = 10_000, **values: float | None) -> tuple[str, ...]:
    return verdict(evaluation(n, **values), aim="match-unseen", retrained=GOLD)


def test_far_below_unseen_accuracy_is_a_leak() -> None:
    (sentence,) = unseen(forget_accuracy=0.80, forget_test_accuracy=None, test_accuracy=0.92)
    assert sentence == (
        "over-forgotten: accuracy on the forget set is 80.0 %, on unseen examples 92.0 %; "
        "being conspicuously wrong gives the forget set away."
    )


def test_far_above_unseen_accuracy_is_memory() -> None:
    (sentence,) = unseen(forget_accuracy=0.99, forget_test_accuracy=None, test_accuracy=0.92)
    assert sentence == "still remembered: accuracy on the forget set is 99.0 %, on unseen examples 92.0 %."


def test_within_one_point_of_unseen_is_no_news() -> None:
    assert unseen(forget_accuracy=0.925, test_accuracy=0.92) == ()


def test_test_examples_of_the_target_are_the_fairer_measure_of_unseen() -> None:
    assert unseen(forget_accuracy=0.60, forget_test_accuracy=0.60, test_accuracy=0.92) == ()


def test_a_difference_that_chance_explains_is_no_news() -> None:
    """Of 50 examples each: two standard errors are 2 sqrt(0.8 * 0.2 / 50 + 0.92 * 0.08 / 50) = 0.137 > 0.12."""
    assert unseen(50, forget_accuracy=0.80, test_accuracy=0.92) == ()


def test_membership_is_a_leak_in_both_directions() -> None:
    assert unseen(mia_auc=0.44)[0].startswith("over-forgotten: membership AUC 0.440")
    assert unseen(mia_auc=0.56)[0].startswith("still recognisable as members: membership AUC 0.560")
    assert unseen(mia_auc=0.46) == unseen(mia_auc=0.54) == unseen(mia_auc=None) == ()


def test_few_examples_widen_the_membership_band() -> None:
    """With 24 examples two standard errors are 2 / sqrt(144) = 0.167."""
    assert unseen(24, mia_auc=0.34) == unseen(24, mia_auc=0.66) == ()
    assert len(unseen(24, mia_auc=0.32)) == len(unseen(24, mia_auc=0.68)) == 1


def test_removal_is_judged_beside_the_retrained_model() -> None:
    model = evaluation(forget_accuracy=0.3, forget_test_accuracy=0.0, retain_test_accuracy=0.95)
    assert verdict(model, aim="remove", retrained=GOLD) == (
        "still recognised: accuracy on the forget set is 30.0 %, the retrained model's 0.0 %.",
    )


def test_less_than_the_retrained_model_knows_is_suppression() -> None:
    """A model that never saw fire engines may well call one a truck."""
    gold = evaluation(forget_test_accuracy=0.6)
    (sentence,) = verdict(evaluation(forget_test_accuracy=0.1), aim="remove", retrained=gold)
    assert sentence.startswith(
        "over-forgotten: accuracy on unseen examples of the target is 10.0 %, the retrained model's 60.0 %"
    )


def test_loss_on_retained_examples_is_named() -> None:
    (sentence,) = verdict(evaluation(retain_test_accuracy=0.90), aim="remove", retrained=GOLD)
    assert sentence == "damaged: accuracy on retained test examples is 90.0 %, the retrained model's 95.0 %."
    assert verdict(evaluation(retain_test_accuracy=0.99), aim="remove", retrained=GOLD) == ()


def test_a_missing_retrained_model_is_said() -> None:
    (sentence,) = verdict(evaluation(forget_accuracy=0.0), aim="remove")
    assert sentence.startswith("no retrained model to compare with")


def test_the_divergence_is_read_against_the_floor() -> None:
    floor = {"kl_to_retrained_forget": Spread(1.0, 1.4, 2)}
    inside, outside = (
        verdict(evaluation(kl_to_retrained_forget=v), aim="remove", retrained=GOLD, floor=floor) for v in (1.3, 1.5)
    )
    assert inside == (
        "inside the noise floor: KL to the retrained model on the forget set is 1.3 nats, up to 1.4 between retrained models.",
    )
    assert outside[0].startswith("outside the noise floor")


def test_a_difference_of_shares_may_be_negative() -> None:
    selectivity = [
        Measurement(name="selectivity", value=value, unit="share", n=100, better="higher", low=-2.0, high=2.0)
        for value in (-0.2, 0.9)
    ]
    assert tolerance(*selectivity) == pytest.approx(0.2)  # 2 * sqrt(0.5 / 100 + 0.5 / 100)
