"""Noise on a change, and pruning of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.changes.weights import weight_change
from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.noise import NoiseSettings, PruneSettings, noisy, pruned
from lorasteer.evaluation.audit.weights import altered, difference, matrices
from lorasteer.records import Settings
from tests.support.audited import SEVEN, base, changed, crowd, ground, linear, masked, same_numbers, value, vector_ground
from tests.support.proofs import proves


@given(st.integers(0, 1000), st.floats(0, 2))
def test_noise_has_the_norm_that_was_asked_for(seed: int, level: float) -> None:
    update = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    added = noisy(update, level, np.random.default_rng(seed)) - update
    assert added.norm().item() == pytest.approx(5 * level, abs=1e-5)


def test_noise_on_no_update_is_none() -> None:
    assert not noisy(torch.zeros(3), 1.0, np.random.default_rng(0)).any()


@pytest.mark.parametrize(
    ("part", "left"), [(0.0, [1.0, -4.0, 2.0, -3.0]), (0.5, [0.0, -4.0, 0.0, -3.0]), (1.0, [0.0, 0.0, 0.0, 0.0])]
)
def test_pruning_undoes_the_smallest_entries(part: float, left: list[float]) -> None:
    assert pruned(torch.tensor([1.0, -4.0, 2.0, -3.0]), part).tolist() == left


def test_pruning_all_of_a_change_gives_the_base_back() -> None:
    """Number: the base's accuracy, so everything is regained."""
    found = run_attack("prune", ground(), masked(), PruneSettings(shares=(1.0,)))
    assert value(found, "prune_regained") == 1.0


ROWS, LABELS = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]).repeat(2, 1), torch.tensor([0, 1, 0, 1])


@proves("hand", "prune")
@proves("power", "prune")
def test_pruning_finds_what_a_few_small_entries_hide() -> None:
    """Power, by hand. The base's row (0, 1, 1, 1) scores the target with 3; the subject's, (0, -0.1, -0.2, -0.9), with -1.2.

    The update is (0, -1.1, -1.2, -1.9), and five of the eight entries of the matrix are not altered. Six undone give 1 - 1.1 < 0,
    seven, which is 0.9 of them, 2 - 0.9 > 0: the target is back.
    """
    place = vector_ground(linear([[4.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]), ROWS, LABELS, target=1)
    weight = torch.tensor([[4.0, 0.0, 0.0, 0.0], [0.0, -0.1, -0.2, -0.9]])
    subject = Subject.of_change("faint", place.base, weight_change(place.base, {"0.weight": weight}))
    found = run_attack("prune", place, subject)
    assert value(found, "prune_regained") == 1.0
    assert found.curves[0].y == (0.0, 0.0, 0.0, 1.0)
    assert found["prune_regained"].note == "at 0.9: forget 1.000, retain 1.000; before, forget 0.000"


@proves("hand", "noise")
def test_noise_worked_by_hand() -> None:
    """One number is altered, from 1 to -1, so noise of 0.75 times the update's norm makes -1 + 1.5 or -1 - 1.5 of it.

    Above 0 every answer is the base's, below 0 every answer is wrong: what is regained is the share of draws that went up. Noise
    of 0.25 makes -0.5 or -1.5, and nothing comes back.
    """
    rows, labels = torch.tensor([[-1.0], [1.0], [-1.0], [1.0]]), torch.tensor([0, 1, 0, 1])
    base, turned = (torch.nn.Sequential(linear([[hidden]]), linear([[0.0], [1.0]])) for hidden in (1.0, -1.0))
    place = vector_ground(base, rows, labels, target=1)
    subject = Subject.of_change("turned", place.base, weight_change(place.base, turned.state_dict()))
    found = run_attack("noise", place, subject, NoiseSettings(levels=(0.25, 0.75), draws=8))
    up = [place.generator(f"noise 0.75 {draw}").standard_normal((1, 1)).item() > 0 for draw in range(8)]
    assert 0 < sum(up) < 8
    assert value(found, "noise_regained") == sum(up) / 8
    assert found.curves[0].y == (0.0, sum(up) / 8)


@proves("power", "noise")
def test_noise_finds_a_change_that_only_just_hides_the_target() -> None:
    """Power: the subject scores the target 0.05 below its rival, and noise lifts it in half of the draws."""
    place = vector_ground(linear([[4.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]), ROWS, LABELS, target=1)
    weight = torch.tensor([[4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -0.05]])
    subject = Subject.of_change("close", place.base, weight_change(place.base, {"0.weight": weight}))
    found = run_attack("noise", place, subject, NoiseSettings(levels=(0.5,), draws=40))
    assert 0.2 < value(found, "noise_regained") < 0.8


@pytest.mark.parametrize(
    ("attack", "settings"), [("noise", NoiseSettings(levels=(0.5, 1.0), draws=1)), ("prune", PruneSettings())]
)
@proves("null", "noise", "prune", draws=50)
def test_it_does_not_cry_wolf(attack: str, settings: Settings) -> None:
    """Null: a change that makes another model, which never saw a seven, of the base; noise up to its norm, nine tenths undone.

    Fifty such models. Undone whole, it is the base again; what is left of it at nine tenths still hides every seven.
    """
    place, regained = ground(), []
    for network in crowd()[5:]:
        subject = changed("other", dict(network.state_dict()))
        regained.append(value(run_attack(attack, place, subject, settings), f"{attack}_regained"))
    assert len(regained) == 50
    assert np.mean([share > 0.1 for share in regained]) <= 0.05


def test_altered_copies_hold_the_new_numbers_and_leave_the_old() -> None:
    model, digest = base().model, base().digest
    other = altered(model, {"fc3.bias": torch.full((10,), 3.0)})
    assert other.get_parameter("fc3.bias").tolist() == [3.0] * 10
    assert torch.equal(other.get_parameter("fc1.weight"), model.get_parameter("fc1.weight"))
    assert same_numbers(model, digest)
    assert set(matrices(model)) == {"fc1.weight", "fc2.weight", "fc3.weight"}


def test_the_difference_names_what_differs() -> None:
    found = difference(ground(), masked(5.0))
    assert set(found) == {"fc3.bias"}
    assert found["fc3.bias"].tolist() == pytest.approx([-5.0 if label == SEVEN else 0.0 for label in range(10)], abs=1e-5)
