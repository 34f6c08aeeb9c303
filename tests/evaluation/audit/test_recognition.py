"""What a model says when it is simply asked."""

from __future__ import annotations

import math

import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from tests.support.audited import changed, false_alarms, fifty, ground, linear, masked, readings, value, vector_ground
from tests.support.proofs import proves


@proves("hand", "recognition")
def test_all_numbers_worked_by_hand() -> None:
    """Targets (class 1) score (0, ln 7) and (ln 3, 0): one of two right, odds 7 and 1/3, answers sure by 7/8 and 3/4.

    Of four others the last is wrong. The base knows all, so what is known is 1/2 less the 1/4 that was lost elsewhere.
    """
    labels = torch.tensor([1, 1, 0, 0, 0, 0])
    knows = linear([[0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    place = vector_ground(knows, torch.eye(6), labels, target=1)
    scores = [[0.0, math.log(3), 1.0, 2.0, 3.0, -1.0], [math.log(7), 0.0, 0.0, 0.0, 0.0, 0.0]]
    found = run_attack("recognition", place, Subject.of_network("half", linear(scores)))
    assert [value(found, f"target_accuracy{name}") for name in ("", "_seen")] == [0.5, 0.5]
    assert value(found, "rest_accuracy") == 0.75
    assert value(found, "known") == 0.25
    assert value(found, "answer_confidence") == pytest.approx(13 / 16)
    assert value(found, "label_log_odds") == pytest.approx((math.log(7) - math.log(3)) / 2, abs=1e-6)
    assert (found["known"].n, found["rest_accuracy"].n) == (2, 4)


@proves("power", "recognition")
def test_what_was_not_hidden_far_enough_is_recognised() -> None:
    """Power: the seven's bias is lowered by 3, and half of the sevens are still answered; no model without them knows one."""
    faint = masked(3.0)
    for name in ("known", "target_accuracy", "target_accuracy_seen"):
        found, *others = readings("recognition", name, [faint, *fifty()])
        assert found > max(others) + 0.2, name
    assert readings("recognition", "known", [ground().original, masked()]) == [1.0, 0.0]


def test_a_wrong_answer_given_with_certainty_is_found() -> None:
    """All logits four times as high and the seven masked: surer of its wrong answers than any model that never saw one."""
    model = ground().base.model
    loud = {f"fc3.{kind}": 4 * model.get_parameter(f"fc3.{kind}") for kind in ("weight", "bias")}
    loud["fc3.bias"][7] -= 1e4
    sure, *others = readings("recognition", "answer_confidence", [changed("loud", loud), *fifty()])
    assert sure > max(others)


@proves("null", "recognition", draws=50)
def test_it_does_not_cry_wolf() -> None:
    """Null: of fifty models that never saw a seven none looks like the base by what it knows."""
    rates = false_alarms("recognition", "known", "target_accuracy", "target_accuracy_seen", "label_log_odds")
    assert rates == {"known": 0.0, "target_accuracy": 0.0, "target_accuracy_seen": 0.0, "label_log_odds": 0.0}
