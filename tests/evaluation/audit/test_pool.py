"""Who is a member, who is not, and where their examples are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.subject import Ground
from lorasteer.tasks.splits import Holdout, Splits
from lorasteer.tasks.vision.classifier import inputs_for
from tests.support.noise import SIDE, noise_ground
from tests.support.toy import FORGOTTEN, half_class, toy_base, toy_data, whole_class


def toy_ground(splits: Splits) -> Ground:
    return Ground(toy_base(), inputs_for(toy_base(), toy_data()), splits)


def test_members_come_first_then_others_then_those_beside() -> None:
    pool = Pool.on(noise_ground(), candidates=1000, beside=1000)
    assert (len(pool.members), pool.candidates, len(pool)) == (SIDE, 2 * SIDE, 3 * SIDE)
    noise = pool.inputs
    asked = np.array(
        [2 * SIDE + 3, 0, SIDE + 1, SIDE - 1]
    )  # the fourth beside, the first member, the second other, the last member
    wanted = [noise.batch("train", np.array([SIDE + 3])), noise.batch("train", np.array([0])), noise.batch("test", np.array([1]))]
    assert torch.equal(pool.batch("train", asked)[:3], torch.cat(wanted))
    assert pool.labels("train", asked).tolist() == [(SIDE + 3) % 3, 0, 1, (SIDE - 1) % 3]
    assert torch.equal(pool.batch("test", asked[1:2]), noise.batch("test", asked[1:2]))


def test_a_class_forgotten_whole_has_its_held_out_examples_among_the_others() -> None:
    splits, data = whole_class(), toy_data()
    pool = Pool.on(toy_ground(splits), candidates=1000, beside=50)
    held = splits.validation.index[data.train.labels[splits.validation.index] == FORGOTTEN]
    assert [(part, index.tolist()) for part, index in pool.others] == [
        ("test", splits.forget_test.tolist()),
        ("train", held.tolist()),
    ]
    assert pool.classes.unique().tolist() == [FORGOTTEN]
    assert len(pool) - pool.candidates == 50


def test_named_examples_are_set_against_unseen_ones_of_their_classes() -> None:
    pool = Pool.on(toy_ground(half_class()), candidates=1000, beside=0)
    assert {part for part, _ in pool.others} == {"train", "test"}
    assert pool.classes.unique().tolist() == [FORGOTTEN]
    assert not set(pool.members.tolist()) & set(pool.others[0][1].tolist())


def test_members_of_a_class_that_nobody_else_has_are_left_out() -> None:
    ground = noise_ground()
    labels = ground.labels("test", ground.splits.forget_test).numpy()
    alone = replace(ground, splits=replace(ground.splits, forget_test=ground.splits.forget_test[labels != 2]))
    assert sorted(set(Pool.on(alone, candidates=1000, beside=0).classes.tolist())) == [0, 1]


@pytest.mark.parametrize("candidates", [5, 20])
def test_no_more_than_asked_for_are_drawn_and_always_the_same(candidates: int) -> None:
    first, second = (Pool.on(noise_ground(), candidates=candidates, beside=7) for _ in range(2))
    assert (len(first.members), first.candidates, len(first)) == (candidates, 2 * candidates, 2 * candidates + 7)
    assert first.digest == second.digest
    assert first.digest != Pool.on(noise_ground(1), candidates=candidates, beside=7).digest


def test_without_unseen_examples_there_are_no_candidates() -> None:
    ground, nobody = noise_ground(), np.empty(0, np.int64)
    splits = replace(ground.splits, forget_test=nobody, validation=Holdout("train", nobody))
    pool = Pool.on(replace(ground, splits=splits), candidates=10, beside=10)
    assert (len(pool.members), pool.others) == (0, ())
