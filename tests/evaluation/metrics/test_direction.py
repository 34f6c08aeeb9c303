"""Accuracy along a direction, beside it, and selectivity."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation import Context, Outputs, evaluate
from lorasteer.records import Evaluation
from tests.evaluation.build import outputs, sure

CHOSEN = torch.tensor([True, True, False, False])


def measured(model: Outputs, base: Outputs | None = None) -> Evaluation:
    return evaluate(Context(model, base=base))


def test_selectivity_worked_by_hand() -> None:
    """The base is right on all four. The direction's two fall from 1 to 0, the rest's two from 1 to 1/2: 1 - 1/2."""
    base = outputs("base", forget_test=sure(0.9, 0.9, 0.9, 0.9))
    model = outputs(forget_test=sure(0.1, 0.2, 0.9, 0.3), selected_test=CHOSEN)
    evaluation = measured(model, base)
    assert evaluation.value("direction_accuracy") == 0
    assert evaluation.value("target_rest_accuracy") == 0.5
    assert evaluation.value("selectivity") == 0.5
    assert (evaluation["direction_accuracy"].n, evaluation["selectivity"].n) == (2, 4)


def test_what_the_base_missed_is_no_drop() -> None:
    """The base is right on one of the direction's two and on both of the rest: drops 1/2 and 1, selectivity -1/2."""
    base = outputs("base", forget_test=sure(0.9, 0.1, 0.9, 0.9))
    model = outputs(forget_test=sure(0.1, 0.1, 0.1, 0.1), selected_test=CHOSEN)
    assert measured(model, base).value("selectivity") == pytest.approx(-0.5)


def test_partial_weights_count_an_example_on_both_sides() -> None:
    """Weights 1 and 1/2, the first now wrong, both right before. Direction: (1/2) / (3/2) = 1/3, drop 2/3; rest: drop 0."""
    base = outputs("base", forget=sure(0.9, 0.9))
    model = outputs(forget=sure(0.1, 0.9), selected=torch.tensor([1.0, 0.5]))
    evaluation = measured(model, base)
    assert evaluation.value("direction_accuracy") == pytest.approx(1 / 3)
    assert evaluation.value("target_rest_accuracy") == 1
    assert evaluation.value("selectivity") == pytest.approx(2 / 3)
    assert evaluation["selectivity"].note == "on forget"


def test_a_direction_that_takes_all_leaves_no_rest_to_compare() -> None:
    base, model = outputs("base", forget=sure(0.9)), outputs(forget=sure(0.1), selected=torch.ones(1))
    evaluation = measured(model, base)
    assert evaluation.value("direction_accuracy") == 0
    assert (evaluation.value("target_rest_accuracy"), evaluation.value("selectivity")) == (None, None)
    assert evaluation["selectivity"].note == "no example outside the direction in forget"


def test_what_is_missing_is_named() -> None:
    model = outputs(forget=sure(0.9))
    assert measured(model)["selectivity"].note == "needs the base model and a direction"
    assert measured(model)["direction_accuracy"].note == "needs a direction"
    half = outputs(forget=sure(0.9), selected_test=torch.empty(0))
    assert measured(half)["direction_accuracy"].note == "needs a direction"
