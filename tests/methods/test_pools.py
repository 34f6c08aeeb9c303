"""Which examples are learned from, kept and looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lorasteer.errors import PlanError
from lorasteer.methods import unlearn
from lorasteer.methods.pools import LEAST_STEPS, evenly, make_pools, retain_sample
from lorasteer.methods.settings import AdapterSettings
from lorasteer.tasks.activations import Memory
from lorasteer.tasks.material import Material
from lorasteer.tasks.splits import Holdout, Splits
from tests.support.toy import half_class, splits_where, toy_data, toy_material, toy_plan


def pools(material: Material, **facts: object) -> object:
    """Pools of a plan with the default settings."""
    plan = toy_plan("lora-ihl", splits=material.splits, **facts)
    return make_pools(material, plan, AdapterSettings(), material.memory.before(("fc1", "fc2")))


def test_an_epoch_shows_each_forget_example_once() -> None:
    material = toy_material()
    drawn = pools(material)

    steps = list(drawn.epoch(torch.Generator().manual_seed(0)))

    assert len(steps) == len(drawn) >= LEAST_STEPS
    assert torch.cat([step.forget.places for step in steps]).sort().values.tolist() == list(range(len(material.splits.forget)))


def test_spared_examples_are_kept_with_what_their_weight_leaves() -> None:
    material = toy_material()
    n = len(material.splits.forget)
    drawn = pools(material, weights=(1.0,) * (n - 2) + (0.25, 0.0))

    assert len(drawn.forget) == n - 1
    assert drawn.keep[1].weights.tolist() == [0.75, 1.0]
    assert drawn.keep[1].index.tolist() == material.splits.forget[-2:].tolist()


def test_retain_examples_that_are_watched_are_not_learned_from() -> None:
    learned, watched = retain_sample(toy_material(), 50, seed=3)

    assert len(learned) == 50
    assert not np.isin(learned, watched).any()


def test_match_unseen_pushes_only_the_hardest() -> None:
    material = toy_material(half_class())
    drawn = pools(material, aim="match-unseen")
    wrong = (drawn.unseen.reference.argmax(-1) != drawn.unseen.labels).double().mean().item()

    assert len(drawn.forget) == max(1, round(wrong * len(material.splits.forget)))
    assert len(drawn.forget) + len(drawn.keep[1]) == len(material.splits.forget)
    hardest = drawn.forget.reference.softmax(-1).gather(1, drawn.forget.labels[:, None]).max()
    easiest = drawn.keep[1].reference.softmax(-1).gather(1, drawn.keep[1].labels[:, None]).min()
    assert hardest <= easiest


def test_match_unseen_without_held_out_examples_is_refused() -> None:
    chosen = half_class()
    none = Splits(
        chosen.forget, chosen.retain, chosen.forget_test, chosen.retain_test, Holdout("train", np.empty(0, np.int64)), "x"
    )

    with pytest.raises(PlanError, match="holds none out"):
        pools(toy_material(none), aim="match-unseen")


def test_all_weights_zero_is_refused() -> None:
    material = toy_material(splits_where(toy_data().train.labels == 3, toy_data().test.labels == 3))

    with pytest.raises(PlanError, match="nothing to forget"):
        pools(material, weights=(0.0,) * len(material.splits.forget))


def test_rows_too_many_for_memory_train_the_same_change() -> None:
    """The frozen layer's answers come with rows that are held, and are computed where they are not."""
    plan, held = toy_plan("lora-ihl", settings={"epochs": 2}), toy_material()
    read = replace(held, memory=Memory(held.base, held.inputs, None, memory_budget=1000))

    assert unlearn(read, plan).record.tensors == unlearn(held, plan).record.tensors


@pytest.mark.parametrize("most", [10, 30, 99])
def test_a_part_meets_every_kind_of_data_that_repeats(most: int) -> None:
    """TOFU asks the same twenty kinds of question about each author; every n-th example met one kind in four."""
    index = np.arange(100, 500)
    part = evenly(index, most)
    assert len(part) <= most
    assert set(part % 4) == {0, 1, 2, 3}
    assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(part, evenly(index, most))


def test_a_part_of_few_is_all_of_them() -> None:
    """Nothing is left out where there is room for all; nothing is drawn from nothing."""
    np.testing.assert_array_equal(evenly(np.array([3, 5, 9]), 3), [3, 5, 9])
    assert len(evenly(np.arange(0), 5)) == 0
