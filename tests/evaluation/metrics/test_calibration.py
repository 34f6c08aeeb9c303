"""Confidence and calibration."""

from __future__ import annotations

import pytest

from lorasteer.evaluation import Context, evaluate
from tests.evaluation.build import outputs, sure


def test_confidence_is_the_largest_probability_right_or_wrong() -> None:
    """0.2 for the true class is 0.8 for the other: (0.8 + 0.6) / 2 on forget_test, (0.9 + 0.7 + 0.8) / 3 on retain_test."""
    evaluation = evaluate(Context(outputs(forget=sure(0.99), forget_test=sure(0.2, 0.6), retain_test=sure(0.9, 0.3, 0.8))))
    assert (evaluation.value("forget_confidence"), evaluation["forget_confidence"].n) == (pytest.approx(0.7), 2)
    assert (evaluation.value("retain_confidence"), evaluation["retain_confidence"].n) == (pytest.approx(0.8), 3)


def test_confidence_falls_back_on_the_forget_set_and_says_so() -> None:
    measured = evaluate(Context(outputs(forget=sure(0.9, 0.3))))["forget_confidence"]
    assert (measured.value, measured.n) == (pytest.approx(0.8), 2)
    assert measured.note == "on forget: forget_test is empty"


def test_calibration_error_worked_by_hand() -> None:
    """Twice sure to 0.9 and right once, once 0.55 and right: (abs(1.8 - 1) + abs(0.55 - 1)) / 3."""
    measured = evaluate(Context(outputs(retain_test=sure(0.9, 0.1, 0.55))))["calibration_error"]
    assert (measured.value, measured.n) == (pytest.approx(1.25 / 3, abs=1e-6), 3)


def test_nothing_to_measure_on_gives_no_number() -> None:
    evaluation = evaluate(Context(outputs()))
    names = ("forget_confidence", "retain_confidence", "calibration_error")
    assert [evaluation.value(name) for name in names] == [None, None, None]
