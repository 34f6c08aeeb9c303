"""Confidence, ranks, calibration and the logistic fit, by hand and against scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lorasteer.core.statistics import calibration_error, label_confidence, label_log_odds, logistic_regression, rank_auc

few_scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)  # few values, so that there are ties


def test_log_odds_is_the_logit_of_the_confidence() -> None:
    """With p = (0.1, 0.2, 0.7): the odds of class 1 are 0.2 / 0.8 = 1/4."""
    logits, label = torch.tensor([[0.1, 0.2, 0.7]]).log(), torch.tensor([1])
    assert label_confidence(logits, label).item() == pytest.approx(0.2)
    assert label_log_odds(logits, label).item() == pytest.approx(-math.log(4))


def test_log_odds_tells_examples_apart_where_the_probability_rounds_to_one() -> None:
    """With two classes the log odds are the difference of the logits: 100 and 200, though both probabilities are 1."""
    logits, labels = torch.tensor([[100.0, 0.0], [200.0, 0.0]]), torch.tensor([0, 0])
    assert label_confidence(logits, labels).tolist() == [1.0, 1.0]
    assert label_log_odds(logits, labels).tolist() == [100.0, 200.0]


def test_auc_worked_by_hand() -> None:
    """3 beats 2 and 1; 2 ties with 2 and beats 1: (1 + 1 + 1/2 + 1) / 4."""
    assert rank_auc(torch.tensor([3.0, 2.0]), torch.tensor([2.0, 1.0])) == 0.875


@given(few_scores, few_scores)
def test_auc_agrees_with_scikit_learn(positive: list[float], negative: list[float]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    assert rank_auc(torch.tensor(positive), torch.tensor(negative)) == pytest.approx(roc_auc_score(truth, positive + negative))


@given(few_scores, few_scores)
def test_exchanging_the_sides_mirrors_the_auc(positive: list[float], negative: list[float]) -> None:
    one, other = torch.tensor(positive), torch.tensor(negative)
    assert rank_auc(one, other) + rank_auc(other, one) == pytest.approx(1)


def test_auc_of_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="got 2 positive and 0 negative"):
        rank_auc(torch.tensor([1.0, 2.0]), torch.empty(0))


def test_calibration_error_worked_by_hand() -> None:
    """Bin of 0.9: sure 1.8, right 1; bin of 0.55: sure 0.55, right 1. (0.8 + 0.45) / 3."""
    confidence, correct = torch.tensor([0.9, 0.9, 0.55]), torch.tensor([True, False, True])
    assert calibration_error(confidence, correct) == pytest.approx(1.25 / 3)


def test_confident_and_right_is_calibrated_confident_and_wrong_is_not() -> None:
    sure = torch.ones(4)
    assert calibration_error(sure, torch.ones(4, dtype=torch.bool)) == 0
    assert calibration_error(sure, torch.zeros(4, dtype=torch.bool)) == 1


def test_even_sides_at_two_points_are_fitted_exactly() -> None:
    """At 0 one of four is positive, at 1 three of four: without a penalty the log odds there are -ln 3 and +ln 3."""
    feature = torch.tensor([0.0] * 4 + [1.0] * 4)
    positive = torch.tensor([True, False, False, False, True, True, True, False])
    slope, intercept = logistic_regression(feature, positive, torch.ones(8), ridge=1e-9)
    assert (intercept, slope) == pytest.approx((-math.log(3), 2 * math.log(3)))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shift", [0.0, 0.5, 100.0])
def test_the_fit_agrees_with_scikit_learn(scale: float, shift: float) -> None:
    generator = torch.Generator().manual_seed(3)
    positive = torch.rand(300, generator=generator) < 0.3
    feature = scale * (torch.randn(300, generator=generator) + shift * positive)
    weights = torch.rand(300, generator=generator) + 0.1
    model = LogisticRegression(C=0.5, tol=1e-12, solver="newton-cholesky")
    model.fit(feature[:, None].double().numpy(), positive.numpy(), sample_weight=weights.double().numpy())
    slope, intercept = logistic_regression(feature, positive, weights, ridge=2.0)
    assert slope == pytest.approx(model.coef_.item(), rel=1e-5)
    assert intercept == pytest.approx(model.intercept_.item(), rel=1e-5, abs=1e-7)


def test_a_constant_feature_says_nothing() -> None:
    """Equal weight on both sides and no information: slope 0 and even odds."""
    fit = logistic_regression(torch.zeros(4), torch.tensor([True, True, False, False]), torch.ones(4))
    assert fit == pytest.approx((0, 0))
