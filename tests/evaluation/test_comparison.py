"""Gaps to the retrained model and the noise floor."""

from __future__ import annotations

import pytest

from lorasteer.errors import DataError
from lorasteer.evaluation import Context, Spread, evaluate, gaps, noise_floor
from lorasteer.records import Evaluation, Measurement
from tests.evaluation.build import random_outputs


def evaluation(subject: str, splits: str = "s", **values: float | None) -> Evaluation:
    units = {"seconds": "seconds", "kl": "nats"}
    measured = [Measurement(name=k, value=v, unit=units.get(k, "share"), n=10, better="none") for k, v in values.items()]
    return Evaluation(subject=subject, splits=splits, model="m", measurements=tuple(measured))


def test_a_gap_is_an_absolute_difference_and_costs_have_none() -> None:
    mine = evaluation("ihl", forget=0.1, retain=0.9, kl=1.5, seconds=3.0, auc=None, extra=1.0)
    gold = evaluation("retrained", forget=0.3, retain=0.8, kl=0.0, seconds=99.0, auc=0.5)
    assert gaps(mine, gold) == {"forget": pytest.approx(0.2), "retain": pytest.approx(0.1), "kl": 1.5, "auc": None}


def test_other_splits_do_not_compare() -> None:
    with pytest.raises(DataError, match="only the same splits compare"):
        gaps(evaluation("ihl", forget=0.1), evaluation("retrained", splits="t", forget=0.1))


def test_the_floor_is_mean_and_largest_distance_from_the_first_seed() -> None:
    """0.10 and 0.16 against 0.12: distances 0.02 and 0.04. What one of them lacks has no floor."""
    seeds = [evaluation("r", acc=0.12, auc=0.5), evaluation("r", acc=0.10, auc=0.5), evaluation("r", acc=0.16, auc=None)]
    floor = noise_floor(seeds)
    assert floor == {"acc": Spread(pytest.approx(0.03), pytest.approx(0.04), 2)}


def test_one_seed_has_no_floor() -> None:
    assert noise_floor([evaluation("r", acc=0.1)]) == {}
    assert noise_floor([]) == {}


def test_the_floor_of_a_divergence_is_the_divergence_between_retrained_models() -> None:
    first, second = random_outputs("retrained", 1), random_outputs("retrained", 2)
    measured = [evaluate(Context(model, retrained=(first, second))) for model in (first, second)]
    name = "kl_to_retrained_forget"
    value = measured[1].value(name)
    assert value
    assert noise_floor(measured)[name] == Spread(value, value, 1)
    assert "seconds" not in noise_floor(measured)
