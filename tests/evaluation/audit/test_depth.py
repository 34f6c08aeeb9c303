"""Unlearning depth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lorasteer.evaluation.audit import Ground, Subject, run_attack
from lorasteer.evaluation.audit.depth import Depth, DepthSettings, Falls, depth_score, falls
from lorasteer.evaluation.audit.recovery import Judge
from tests.support.audited import (
    SEVEN,
    base,
    changed,
    fifty,
    ground,
    masked,
    never_saw,
    readings,
    value,
    vector_ground,
)  # fmt: skip
from tests.support.proofs import proves


def two_layers(first: list[list[float]]) -> nn.Module:
    """A first layer of these weights, then the identity as a head."""
    layers = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    layers[0].weight.data, layers[1].weight.data = torch.tensor(first), torch.eye(2)
    return layers.eval().requires_grad_(False)


@proves("hand", "unlearning-depth")
def test_the_score_worked_by_hand() -> None:
    """Stations fall by 2, 0.04 and 1 with the retrained model: two encode. The subject falls by 1 and by 3, cut to 1.

    (2 * 1/2 + 1 * 1) / (2 + 1) = 2/3.
    """
    assert depth_score((2.0, 0.04, 1.0), (1.0, 0.0, 3.0), 0.05) == Depth(pytest.approx(2 / 3), (0, 2))
    assert depth_score((0.01, 0.02), (1.0, 1.0), 0.05) == Depth(None, ())
    assert depth_score((1.0,), (-0.5,), 0.05).score == 0.0


def test_losses_on_retained_examples_are_taken_off() -> None:
    assert Falls(target=(2.0, 0.5, 1.0), others=(0.5, 1.0, -0.5)).net == (1.5, 0.0, 1.0)


def test_a_fall_worked_by_hand() -> None:
    """The base scores (0, 1) with (0, 2): log p = -log(1 + e^-2) = -0.1269. The subject's first layer has lost the second input.

    Stitched on (1, 0) and its halves alone, nothing is known of that input, so the state is (0, 0) there: log p = -log 2. The
    fall is 0.6931 - 0.1269 = 0.5662 on the target, and 0 on the others.
    """
    rows = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    place = vector_ground(two_layers([[2.0, 0.0], [0.0, 2.0]]), rows, torch.tensor([0, 0, 0, 1, 1]), target=1)
    blind = Subject.of_network("blind", two_layers([[2.0, 0.0], [0.0, 0.0]]))
    found = falls(place, blind, ("0",), Judge.on(place), DepthSettings())
    assert found.target == (pytest.approx(math.log(2) - math.log1p(math.exp(-2)), abs=1e-3),)
    assert found.others == (pytest.approx(0.0, abs=1e-3),)


@proves("power", "unlearning-depth")
def test_the_base_is_intact_and_so_is_a_mask_of_its_logit() -> None:
    """Power: a masked model is found to be as intact as the base."""
    assert readings("unlearning-depth", "depth_score", [ground().original, masked()]) == pytest.approx([0.0, 0.0], abs=1e-3)


def test_another_basis_of_the_same_features_is_no_erasure() -> None:
    """Hidden units in another order and scale say the same; the stitch sees through it."""
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    model = base().model
    turned = {
        "fc2.weight": 2 * model.get_parameter("fc2.weight")[order],
        "fc2.bias": 2 * model.get_parameter("fc2.bias")[order],
        "fc3.weight": model.get_parameter("fc3.weight")[:, order] / 2,
    }
    (score,) = readings("unlearning-depth", "depth_score", [changed("turned", turned)])
    assert score == pytest.approx(0.0, abs=0.02)


@proves("power", "unlearning-depth")
def test_erasing_what_marks_the_target_is_found_at_that_layer() -> None:
    """Power: the direction of the last hidden layer in which sevens differ most from the rest is projected out of it."""
    place = ground()
    hidden = base().model.get_submodule("fc2")
    said = {}
    for name, index in (("mine", place.splits.forget), ("rest", place.splits.retain)):
        x = torch.relu(base().model.get_submodule("fc1")(place.batch("train", index).flatten(1)))
        said[name] = hidden(x).mean(0)
    away = torch.nn.functional.normalize(said["mine"] - said["rest"], dim=0)
    keep = torch.eye(len(away)) - torch.outer(away, away)
    erased = changed(
        "erased", {"fc2.weight": keep @ hidden.get_parameter("weight"), "fc2.bias": keep @ hidden.get_parameter("bias")}
    )
    found = run_attack("unlearning-depth", place, erased)
    fall = next(curve for curve in found.curves if curve.label == "target")
    assert fall.ticks == ("fc1", "fc2")
    assert fall.y[0] == pytest.approx(0.0, abs=0.01)
    assert fall.y[1] > 0.3


@proves("null", "unlearning-depth", draws=50)
def test_models_that_never_saw_the_target_are_not_called_intact() -> None:
    """Null: of fifty, at most one in twenty scores below one half, where 0 is intact."""
    scores = readings("unlearning-depth", "depth_score", fifty())
    assert sum(score < 0.5 for score in scores) / len(scores) <= 0.05


def test_a_retrained_model_is_held_against_the_others() -> None:
    place = ground()
    first, second = (run_attack("unlearning-depth", place, subject) for subject in place.retrained)
    assert {value(first, "depth_score"), value(second, "depth_score")} != {1.0}
    alone = Ground(place.base, place.inputs, place.splits, retrained=place.retrained[:1])
    # one alone has nothing to be held against but itself
    assert run_attack("unlearning-depth", alone, never_saw(0)).value("depth_score") == 1.0


def test_where_nothing_encodes_the_target_there_is_no_score() -> None:
    place = ground()
    same = Ground(place.base, place.inputs, place.splits, retrained=(place.original,))
    found = run_attack("unlearning-depth", same, masked())
    assert found.value("depth_score") is None
    assert "no station encodes the target" in found["depth_score"].note
    assert SEVEN in place.labels("test", place.splits.forget_test)
