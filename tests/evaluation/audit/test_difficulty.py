"""The forecast of a request: easy, usual or hard, with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from lorasteer import Workbench
from lorasteer.evaluation.audit.difficulty import difficulty_of, rule
from lorasteer.records import Request, Target
from lorasteer.records.difficulty import Difficulty
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.splits import Splits
from tests.support.toy import FORGOTTEN, half_class, splits_where, toy_base, toy_data, toy_material, whole_class


@pytest.mark.parametrize(
    ("share", "separation", "memorised", "label"),
    [
        (0.1, 0.95, 0.0, "easy"),
        (0.15, 0.9, 0.3, "easy"),  # the edges belong to the easy side
        (0.16, 0.95, 0.0, "usual"),
        (0.1, 0.89, 0.0, "usual"),
        (0.3, 0.5, 0.0, "usual"),
        (0.31, 0.95, 0.0, "hard"),
        (0.1, 0.49, 0.0, "hard"),
        (0.1, 0.95, 0.31, "hard"),
    ],
)
def test_rule_at_its_edges(share: float, separation: float, memorised: float, label: str) -> None:
    assert rule(share, separation, memorised)[0] == label


def test_each_hard_thing_is_named() -> None:
    label, because = rule(0.4, 0.2, 0.9)
    assert label == "hard"
    assert [reason.split("(")[0].strip() for reason in because] == [
        "Its examples lie among retained ones",
        "Its examples are learned by heart",
        "It is 40% of the training examples.",
    ]


@cache
def forecast(splits: Callable[[], Splits]) -> Difficulty:
    """What is said of some splits of the toy; asked once."""
    return difficulty_of(toy_material(splits()))


def random_tenth() -> Splits:
    chosen = np.zeros(len(toy_data().train), bool)
    chosen[np.random.default_rng(0).choice(len(chosen), len(chosen) // 10, replace=False)] = True
    return splits_where(chosen, np.zeros(len(toy_data().test), bool))


@pytest.mark.parametrize(("splits", "label"), [(whole_class, "easy"), (half_class, "hard"), (random_tenth, "hard")])
def test_a_digit_is_easy_and_what_lies_among_others_is_hard(splits: Callable[[], Splits], label: str) -> None:
    """A whole digit lies apart; half of one lies in its other half, and a tenth by lot everywhere."""
    found = forecast(splits)
    assert found.label == label
    assert Difficulty.from_json(found.to_json()) == found


def test_a_whole_class_is_gone_without_it_and_sets_of_its_size_are_ranked() -> None:
    found = forecast(whole_class)
    assert found.value("still_known_requested") == 0
    assert found.value("still_known_hardest") >= found.value("still_known_random") >= found.value("still_known_easiest")
    assert found.value("still_known_least_memorised") > found.value("still_known_most_memorised")
    assert found.value("request_share") == len(whole_class().forget) / (len(whole_class().forget) + len(whole_class().retain))


def test_a_workbench_tells_before_anything_is_run() -> None:
    bench = Workbench(toy_base(), toy_data())
    before = weights_digest(toy_base().model)
    request = Request(target=Target(classes=(str(FORGOTTEN),)))
    found = bench.difficulty(bench.translate(request))
    assert found.measurements == forecast(whole_class).measurements  # the same whenever it is asked
    assert found.label == "easy"
    assert found.base == toy_base().digest
    assert weights_digest(toy_base().model) == before
