"""Costs are handed through with their units."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation import Context, evaluate
from tests.evaluation.build import outputs, said, sure


def test_costs_are_stated_with_unit_and_size_of_the_forget_set() -> None:
    model = outputs(forget=sure(0.9, 0.8), seconds=1.5, prefix_seconds=0.5, trainable=6144)
    evaluation = evaluate(Context(model))
    found = {
        name: (m.value, m.unit, m.n)
        for m in evaluation.measurements
        if (name := m.name) in ("seconds", "prefix_seconds", "trainable")
    }
    assert found == {
        "seconds": (1.5, "seconds", 2),
        "prefix_seconds": (0.5, "seconds", 2),
        "trainable": (6144.0, "parameters", 2),
    }


def test_no_time_means_no_number_and_zero_is_a_number() -> None:
    evaluation = evaluate(Context(outputs(forget=sure(0.9), prefix_seconds=0.0)))
    assert (evaluation.value("seconds"), evaluation.value("prefix_seconds")) == (None, 0.0)
    assert "nothing was unlearned" in evaluation["seconds"].note


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_broken_model_still_has_its_costs(bad: float) -> None:
    evaluation = evaluate(Context(outputs(forget=said([[bad, 0.0]], [0]), seconds=2.0)))
    assert evaluation.value("seconds") == 2.0
    assert (evaluation.value("forget_accuracy"), evaluation["forget_accuracy"].note) == (
        None,
        "the model's logits are not finite",
    )
