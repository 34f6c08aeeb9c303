"""A goal in numbers and words, and how a model is judged by it."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation import Context, Outputs, Predictions
from lorasteer.session.goal import Goal, Part, Try
from lorasteer.session.image_goal import ACCURACIES, divergence
from lorasteer.session.judging import judge


def said(*right: bool) -> Predictions:
    """Two-class answers, right or wrong as told."""
    labels = torch.zeros(len(right), dtype=torch.long)
    logits = torch.tensor([[1.0, 0.0] if each else [0.0, 1.0] for each in right]).reshape(-1, 2)
    return Predictions(logits, labels)


def outputs(forget_test: Predictions, retain_test: Predictions, weights: torch.Tensor | None = None) -> Outputs:
    return Outputs(
        subject="x", model="m", splits="s", forget=said(True, True), retain=said(True), forget_test=forget_test,
        retain_test=retain_test, validation=said(), selected=None, selected_test=weights,
    )  # fmt: skip


BASE = outputs(said(True, True, True, True), said(True, True, True, True))


def test_parts_are_what_is_left_and_what_is_lost() -> None:
    now = outputs(said(True, False, False, False), said(True, True, False, False))
    forget, retain = judge(Goal(forget_at_most=0.1, retain_loss_at_most=0.2), Context(now, BASE), ACCURACIES)
    assert (forget.name, forget.value, forget.missed) == ("forget", 0.25, pytest.approx(0.15))
    assert (retain.name, retain.value, retain.missed) == ("retain", 0.5, pytest.approx(0.3))


def test_the_rest_of_a_target_is_to_stay_as_what_is_retained_is() -> None:
    weights = torch.tensor([1.0, 1.0, 0.0, 0.0])
    base = outputs(said(True, True, True, True), said(True), weights)
    now = outputs(said(False, False, True, False), said(True), weights)
    forget, retain, rest = judge(Goal(retain_loss_at_most=0.1), Context(now, base), ACCURACIES)
    assert (forget.value, retain.value, rest.value, rest.limit) == (0.0, 0.0, 0.5, 0.1)
    *_, rest = judge(Goal(rest_loss_at_most=0.5), Context(now, base), ACCURACIES)
    assert not rest.missed


def test_without_test_examples_the_forget_set_is_judged() -> None:
    bare = outputs(said(), said(True))
    forget, _ = judge(Goal(), Context(bare, bare), ACCURACIES)
    assert forget.value == 1.0


def test_a_value_at_its_limit_is_no_miss() -> None:
    assert Part(name="retain", value=0.1 + 0.2, limit=0.3).missed == 0.0


def test_ties_are_broken_by_the_retrained_model_or_by_the_least_change() -> None:
    now = outputs(said(True), said(True, False))
    base = outputs(said(True), said(True, True))
    far, name = divergence(Context(now, base))
    # one of two examples moved from logits (1, 0) to (0, 1): KL = tanh(1/2), halved by the mean
    assert (far, name) == (pytest.approx(0.46211715726 / 2), "the base")
    assert divergence(Context(now, base, (base,))) == (0.0, "the retrained model")


def tried(forget: float, far: float, strength: float = 1.0) -> Try:
    part = Part(name="forget", value=forget, limit=0.01)
    return Try(iteration=1, strength=strength, parts=(part,), distance=far, nearest_to="the base")


def test_reaching_the_goal_comes_before_being_near() -> None:
    best = min([tried(0.02, 0.1), tried(0.01, 0.9), tried(0.0, 0.5)], key=lambda each: each.order)
    assert best == tried(0.0, 0.5)


def test_a_try_says_what_it_is_and_what_it_misses() -> None:
    missed = tried(0.02, 0.1, strength=0.75)
    assert missed.words == "iteration 1 at strength 0.75: 2.0 % of the target is still recognised (at most 1.0 %)."
    assert missed.miss_words == "iteration 1 at strength 0.75 misses it: the target is recognised 1.00 points more than wanted."
    assert tried(0.0, 0.1).miss_words == "iteration 1 reaches it."


def test_a_goal_has_words() -> None:
    assert Goal(rest_loss_at_most=0.05).words == (
        "at most 1.0 % left on the target, retained examples lose at most 0.50 points, the rest of a target at most 5.00 points"
    )
    assert Goal.from_json(Goal(forget_at_most=0.2).to_json()) == Goal(forget_at_most=0.2)
