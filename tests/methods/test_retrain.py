"""Retraining: nothing of the base is left."""

from __future__ import annotations

import torch

from lorasteer.methods import unlearn
from tests.support.toy import FORGOTTEN, answers, toy_base, toy_data, toy_material, toy_plan


def test_every_weight_is_new() -> None:
    model = unlearn(toy_material(), toy_plan("retrain", seed=5)).apply(toy_base())
    old, new = toy_base().model.state_dict(), model.state_dict()

    assert all(((old[name] == new[name]).double().mean() < 0.01) for name in old)


def test_never_says_the_class_it_never_saw() -> None:
    said = answers(unlearn(toy_material(), toy_plan("retrain", seed=5)).apply(toy_base())).argmax(-1)
    kept = torch.from_numpy(toy_data().test.labels != FORGOTTEN)

    assert not (said == FORGOTTEN).any()
    assert (said[kept] == torch.from_numpy(toy_data().test.labels)[kept]).double().mean() > 0.8
