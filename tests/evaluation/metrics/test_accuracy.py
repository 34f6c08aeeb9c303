"""Accuracies on the parts."""

from __future__ import annotations

import pytest

from lorasteer.evaluation import Context, evaluate
from tests.evaluation.build import outputs, said, sure

MODEL = outputs(
    forget=sure(0.9, 0.2, 0.1, 0.3),
    retain=sure(0.9, 0.8, 0.7, 0.6, 0.4),
    forget_test=sure(0.1, 0.6),
    retain_test=sure(0.9, 0.9, 0.9, 0.9, 0.9, 0.2),
)


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("forget_accuracy", 1 / 4, 4),
        ("steering_accuracy", 3 / 4, 4),
        ("retain_accuracy", 4 / 5, 5),
        ("forget_test_accuracy", 1 / 2, 2),
        ("retain_test_accuracy", 5 / 6, 6),
        ("test_accuracy", 6 / 8, 8),
    ],
)
def test_accuracy_is_the_share_above_one_half(name: str, value: float, n: int) -> None:
    """Of two classes the true one wins where its probability is above 1/2: counted above."""
    measured = evaluate(Context(MODEL))[name]
    assert (measured.value, measured.n) == (pytest.approx(value), n)


def test_the_largest_of_three_logits_is_the_answer() -> None:
    model = outputs(forget=said([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [5.0, 0.0, 0.0]], [1, 1, 0]))
    assert evaluate(Context(model)).value("forget_accuracy") == pytest.approx(2 / 3)


def test_an_empty_part_has_no_accuracy() -> None:
    """Random examples have no counterpart in the test set."""
    evaluation = evaluate(Context(outputs(forget=sure(0.9), retain_test=sure(0.9, 0.1))))
    assert evaluation["forget_test_accuracy"].value is None
    assert evaluation["forget_test_accuracy"].note == "no examples in forget_test"
    assert evaluation.value("test_accuracy") == 0.5
    nothing = evaluate(Context(outputs()))
    assert nothing["steering_accuracy"].value is None
