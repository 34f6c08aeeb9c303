"""Which text examples a run learns from, keeps and looks at."""

from __future__ import annotations

import numpy as np
import torch

from lorasteer.errors import PlanError
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_pools import TextPools, make_text_pools
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_material, tiny_plan, tiny_splits


def pools(
    *, answers: list[int] | None = None, weights: tuple[float, ...] | None = None, forgets: bool = True, **values: object
) -> TextPools:
    """Pools of the tiny task, which forgets 12 of 48 examples."""
    settings = TextAdapterSettings.model_validate({"retain": 10, "batch_size": 4, **values})
    counts = None if answers is None else np.array(answers)
    return make_text_pools(tiny_material(), tiny_plan(weights=weights), settings, forgets=forgets, answers=counts)


def test_an_epoch_passes_each_forget_example_once_and_draws_retained_ones_anew() -> None:
    made = pools()
    steps = list(made.epoch(torch.Generator().manual_seed(0)))

    assert len(steps) == len(made) == 6  # twelve examples in at least eight steps would be two each
    assert sorted(np.concatenate([step.forget.index for step in steps]).tolist()) == list(range(12))
    assert {len(step.keep[0]) for step in steps} == {4}
    assert all((step.keep[0].index >= 12).all() for step in steps)


def test_the_same_seed_gives_the_same_epoch() -> None:
    one, same, other = (
        [step.forget.index.tolist() for step in pools().epoch(torch.Generator().manual_seed(seed))] for seed in (3, 3, 4)
    )
    assert one == same != other


def test_what_a_direction_spares_is_kept_and_what_it_leaves_out_is_not_pushed() -> None:
    weights = (1.0,) * 6 + (0.25,) * 3 + (0.0,) * 3
    made = pools(weights=weights, spare_weight=2.0)

    assert made.forget.index.tolist() == list(range(9))
    assert made.forget.position.tolist() == list(range(9))
    assert made.forget.weights.tolist() == list(weights[:9])
    assert made.keep[1].index.tolist() == list(range(6, 12))
    assert made.keep[1].weights.tolist() == [1.5] * 3 + [2.0] * 3
    assert made.judged.index.tolist() == list(range(6))  # those meant to go, at least half as heavy as the heaviest


def test_other_answers_are_drawn_among_those_there_are() -> None:
    made = pools(answers=[3] * 6 + [0] * 6)
    drawn = [step.forget for step in made.epoch(torch.Generator().manual_seed(0))]

    assert sorted(np.concatenate([sample.index for sample in drawn]).tolist()) == list(range(6))
    choices = torch.cat([sample.choice for sample in drawn if sample.choice is not None])
    assert len(choices) == 6
    assert set(choices.tolist()) <= {0, 1, 2}


def test_held_out_examples_are_watched_where_the_aim_asks_for_them() -> None:
    settings, held = TextAdapterSettings(), tiny_material(splits=tiny_splits(validation=4))
    made = make_text_pools(held, tiny_plan(material=held, aim="match-unseen"), settings)

    assert made.unseen is not None
    assert made.unseen.index.tolist() == [44, 45, 46, 47]
    with refuses(PlanError, "match-unseen", "held-out"):
        make_text_pools(tiny_material(), tiny_plan(aim="match-unseen"), settings)


def test_nothing_to_learn_from_is_refused() -> None:
    with refuses(PlanError, "weight 0"):
        pools(weights=(0.0,) * 12)
    with refuses(PlanError, "perturbed"):
        pools(answers=[0] * 12)
    with refuses(PlanError, "retain"):
        pools(forgets=False, retain=0)
