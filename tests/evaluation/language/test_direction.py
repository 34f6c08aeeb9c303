"""Forgetting along a direction of text: each number by hand, and beside it what random directions show."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation.language import TextContext, TextOutputs
from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.evaluation.metric import Reading
from tests.evaluation.language.build import answers, outputs
from tests.evaluation.language.test_verdict import evaluation, said


def read(name: str, now: TextOutputs, base: TextOutputs | None = None) -> Reading:
    return TEXT_METRICS[name].factory(TextContext(now, base))


def four(*probabilities: float, weights: tuple[float, ...] = (1, 1, 0, 0)) -> TextOutputs:
    """Four examples to forget; the direction is the first two of them unless said otherwise."""
    return outputs(forget=answers(*[[p] for p in probabilities]), selected=torch.tensor(weights, dtype=torch.float64))


def test_probability_on_the_direction_and_beside_it() -> None:
    now = four(0.1, 0.3, 0.8, 0.6)
    assert read("direction-probability", now).value == pytest.approx(0.2)
    assert read("target-rest-probability", now).value == pytest.approx(0.7)
    partly = four(0.1, 0.3, 0.8, 0.6, weights=(1.0, 0.5, 0.5, 0.0))
    assert read("direction-probability", partly).value == pytest.approx((0.1 + 0.15 + 0.4) / 2)


def test_selectivity_is_the_difference_of_the_drops() -> None:
    """From 0.9 everywhere: the direction loses 0.7 in the mean, the rest 0.2."""
    found = read("selectivity", four(0.1, 0.3, 0.8, 0.6), four(0.9, 0.9, 0.9, 0.9))
    assert (found.value, found.n, found.note) == (pytest.approx(0.5), 4, "on forget")


def test_random_directions_hold_as_many_examples() -> None:
    """Of the six pairs of four examples, the best one is the direction itself: drops 0.8 and 0.6 against 0.1 and 0.3."""
    now, base = four(0.1, 0.3, 0.8, 0.6), four(0.9, 0.9, 0.9, 0.9)
    found = read("random-selectivity", now, base)
    assert found.value == pytest.approx(0.5)
    assert found.note.startswith("on forget; 1000 random directions: mean ")
    assert read("random-selectivity", now, base) == found


def test_the_test_half_counts_where_it_is_weighed() -> None:
    halves = {"forget_test": answers([0.2], [0.4]), "selected_test": torch.tensor([0.0, 1.0])}
    now = outputs(forget=answers([0.9]), selected=torch.tensor([1.0]), **halves)
    assert read("direction-probability", now) == Reading(pytest.approx(0.4), 1, "on forget_test")


def test_a_direction_that_takes_all_or_nothing_parts_nothing() -> None:
    base = four(0.9, 0.9, 0.9, 0.9)
    for weights in ((1, 1, 1, 1), (0, 0, 0, 0)):
        now = four(0.1, 0.3, 0.8, 0.6, weights=weights)
        for name in ("selectivity", "random-selectivity"):
            assert read(name, now, base).value is None
    assert read("direction-probability", four(0.1, 0.1, 0.1, 0.1, weights=(0, 0, 0, 0))).value is None


def test_no_better_than_chance_is_said() -> None:
    gold = evaluation(forget_probability=0.1, retain_probability=0.9)
    chance = evaluation(forget_probability=0.1, retain_probability=0.9, selectivity=0.02, random_selectivity=0.11)
    assert any(line.startswith("no better than a random direction: selectivity 0.020") for line in said(chance, gold))
    meant = evaluation(forget_probability=0.1, retain_probability=0.9, selectivity=0.5, random_selectivity=0.11)
    assert not any("random direction" in line for line in said(meant, gold))
