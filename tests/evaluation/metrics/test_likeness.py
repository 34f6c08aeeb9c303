"""Divergence from the retrained model and the average gap."""

from __future__ import annotations

import math

import pytest
import torch

from lorasteer.evaluation import Context, Predictions, evaluate
from tests.evaluation.build import outputs, said, sure


def test_kl_is_the_mean_over_examples_of_retrained_against_model() -> None:
    """Retrained (1/2, 1/2) against (3/4, 1/4): 1/2 ln(4/3); the second example agrees: 0. Mean 1/4 ln(4/3) = 0.0719."""
    model, gold = outputs(forget=sure(0.75, 0.3)), outputs("retrained", forget=sure(0.5, 0.3))
    measured = evaluate(Context(model, retrained=(gold,)))["kl_to_retrained_forget"]
    assert (measured.value, measured.n, measured.unit) == (pytest.approx(math.log(4 / 3) / 4, abs=1e-6), 2, "nats")


def test_kl_on_test_covers_both_halves() -> None:
    """Three equal examples and one that gives 1/2 ln(4/3): mean 1/8 ln(4/3)."""
    model = outputs(forget_test=sure(0.75), retain_test=sure(0.9, 0.8, 0.7))
    gold = outputs("retrained", forget_test=sure(0.5), retain_test=sure(0.9, 0.8, 0.7))
    measured = evaluate(Context(model, retrained=(gold,)))["kl_to_retrained_test"]
    assert (measured.value, measured.n) == (pytest.approx(math.log(4 / 3) / 8, abs=1e-6), 4)


def test_js_worked_by_hand() -> None:
    """(1, 0) against (1/2, 1/2) is 0.21576 (worked in tests/core), agreement is 0: mean 0.10788."""
    model = outputs(forget=said([[99.0, 0.0], [0.0, 0.0]], [0, 0]), retain_test=said([[99.0, 0.0]], [0]))
    gold = outputs("retrained", forget=said([[0.0, 0.0], [0.0, 0.0]], [0, 0]), retain_test=said([[0.0, 0.0]], [0]))
    evaluation = evaluate(Context(model, retrained=(gold,)))
    assert evaluation.value("js_to_retrained_forget") == pytest.approx(0.10788, abs=1e-5)
    assert evaluation.value("js_to_retrained_test") == pytest.approx(0.21576, abs=1e-5)


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("n", [10, 1000])
def test_total_disagreement_reaches_the_stated_bound(classes: int, n: int) -> None:
    """The score neither grows with the classes nor shrinks with the examples."""
    labels = torch.zeros(n, dtype=torch.int64)
    one, other = (Predictions(1e3 * torch.eye(classes)[c].repeat(n, 1), labels) for c in (0, 1))
    context = Context(outputs(forget=one), retrained=(outputs("retrained", forget=other),))
    measured = evaluate(context)["js_to_retrained_forget"]
    assert measured.value == pytest.approx(math.log(2))
    assert measured.high == math.log(2)


def test_the_average_gap_worked_by_hand() -> None:
    """Forget 1/4 against 0, retain 1 against 1, test 1/4 against 3/4, MIA 3/4 against 1: (1/4 + 0 + 1/2 + 1/4) / 4.

    The attack calls 0.1 a non-member and 0.9 a member for either model: see test_membership.
    """
    retain = sure(0.9, 0.9, 0.9, 0.9)
    model = outputs(forget=sure(0.9, 0.1, 0.1, 0.1), retain=retain, retain_test=sure(0.9, 0.1, 0.1, 0.1))
    gold = outputs("retrained", forget=sure(0.1, 0.1, 0.1, 0.1), retain=retain, retain_test=sure(0.9, 0.9, 0.9, 0.1))
    measured = evaluate(Context(model, retrained=(gold,)))["gap_to_retrained"]
    assert (measured.value, measured.n) == (pytest.approx(0.25), 12)


def test_the_retrained_model_has_no_distance_from_itself() -> None:
    gold = outputs("retrained", forget=sure(0.4, 0.1), retain=sure(0.9, 0.8), retain_test=sure(0.9, 0.3))
    evaluation = evaluate(Context(gold, retrained=(gold,)))
    names = [m.name for m in evaluation.measurements if "to_retrained" in m.name]
    assert {name: evaluation.value(name) for name in names} == pytest.approx(dict.fromkeys(names, 0.0), abs=1e-12)
    assert len(names) == 5


def test_without_a_retrained_model_there_is_no_number() -> None:
    measured = evaluate(Context(outputs(forget=sure(0.9))))["kl_to_retrained_forget"]
    assert (measured.value, measured.note) == (None, "needs a retrained model")


def test_a_gap_with_a_missing_member_names_it() -> None:
    empty = outputs(forget=sure(0.9), retain_test=sure(0.9, 0.2))
    measured = evaluate(Context(empty, retrained=(empty,)))["gap_to_retrained"]
    assert (measured.value, measured.note) == (None, "retain_accuracy is missing: no examples in retain")
