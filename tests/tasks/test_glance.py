"""A glance says what a full forward pass says, at every step of a training, and leaves the training as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.methods import unlearn
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.training import Progress
from tests.support.toy import answers, hooks_of, toy_base, toy_material, toy_plan

EXAMPLES = np.arange(0, 200, 2)


def looks(method: str, **settings: object) -> tuple[list[Glance], str, str]:
    """What was seen after each step, and the digests of a training that was watched and of one that was not."""
    plan, seen = toy_plan(method, settings={"epochs": 2, "stop_at": None, **settings}), list[Glance]()

    def watch(progress: Progress) -> None:
        assert progress.glance is not None
        seen.append(progress.glance("train", EXAMPLES))

    watched = unlearn(toy_material(), plan, [watch])
    return seen, watched.record.tensors, unlearn(toy_material(), plan).record.tensors


@pytest.mark.parametrize(
    ("method", "settings"),
    [("lora-ihl", {}), ("lora-ihl", {"layers": ("conv2",)}), ("gradient-ascent", {})],
    ids=["head", "deep", "all weights"],
)
def test_the_last_glance_is_the_finished_model(method: str, settings: dict[str, object]) -> None:
    seen, watched, alone = looks(method, **settings)
    change = unlearn(toy_material(), toy_plan(method, settings={"epochs": 2, "stop_at": None, **settings}))

    model = change.apply(toy_base())

    assert watched == alone
    torch.testing.assert_close(seen[-1].logits, answers(model, part="train")[EXAMPLES], atol=1e-5, rtol=1e-5)
    assert not torch.equal(seen[0].logits, seen[-1].logits)
    assert not hooks_of(toy_base().model)


def test_features_are_what_the_last_layer_reads() -> None:
    (first, *_), _, _ = looks("lora-ihl", layers=("fc2",))
    last = toy_base().model.get_submodule("fc2")

    of_base = toy_material().glance(toy_base().model, "train", EXAMPLES, layers=("fc2",))

    torch.testing.assert_close(last(of_base.features), of_base.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(first.features, of_base.features)  # the adapter sits behind them
