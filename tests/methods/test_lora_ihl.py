"""LoRA with the inverted hinge: its loss, its margin, its anchor, its stop, and what a direction spares."""

from __future__ import annotations

import numpy as np
import pytest

from lorasteer.errors import PlanError
from lorasteer.methods import settings_of, unlearn
from lorasteer.methods.adapter.lora_ihl import InvertedHinge, InvertedHingeSettings, TextInvertedHingeSettings
from tests.support.batches import batch, tokens
from tests.support.toy import answers, toy_base, toy_data, toy_material, toy_plan


def test_loss_worked_by_hand() -> None:
    """P = (0.7, 0.2, 0.1), label 0: 0.5 + 0.7 - 0.2 = 1.0."""
    method = InvertedHinge(InvertedHingeSettings(margin=0.5))

    (loss,) = method.loss(batch(np.log([[0.7, 0.2, 0.1]]).tolist(), [0])).tolist()

    assert loss == pytest.approx(1.0, abs=1e-5)


def test_loss_on_text_worked_by_hand() -> None:
    """Tokens of (.7, .2, .1) and (.1, .6, .3), label 0, margin .5: .5 + .5 and .5 - .5, in the mean .5."""
    given = tokens([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], [0, 0], [0, 0])
    assert InvertedHinge(TextInvertedHingeSettings()).token_loss(given).tolist() == pytest.approx([0.5], abs=1e-5)


@pytest.mark.parametrize("task", ["vision", "language"])
@pytest.mark.parametrize("margin", [0.0, -0.5, 1.5, 2.0])
def test_margin_outside_its_range_is_refused_with_the_reason(margin: float, task: str) -> None:
    with pytest.raises(PlanError, match="nothing changes") as refusal:
        settings_of("lora-ihl", {"margin": margin}, task=task)
    assert "Choose 0 < margin <= 1" in str(refusal.value)


def test_anchor_keeps_what_forget_data_alone_destroys() -> None:
    material, long = toy_material(), {"epochs": 20, "stop_at": None, "learning_rate": 5e-3, "margin": 1.0}
    kept = ~np.isin(toy_data().test.labels, [7])

    def retained(anchor: str) -> float:
        model = unlearn(material, toy_plan("lora-ihl", settings={**long, "anchor": anchor})).apply(toy_base())
        right = answers(model).argmax(-1).numpy() == toy_data().test.labels
        return float(right[kept].mean())

    assert retained("kl") > retained("none") + 0.1


def test_stops_once_the_aim_is_reached() -> None:
    notes = unlearn(toy_material(), toy_plan("lora-ihl", settings={"epochs": 60, "retain_within": 0.05})).record.training

    assert notes.reason == "aim reached"
    assert notes.kept_step == notes.steps < 60 * 8


def test_examples_of_weight_zero_are_kept() -> None:
    material = toy_material()
    forget = material.splits.forget
    weights = np.zeros(len(forget))
    weights[: len(forget) // 2] = 1.0
    plan = toy_plan("lora-ihl", weights=tuple(weights), settings={"epochs": 30, "layers": ("conv2", "fc1", "fc2")})

    right = answers(unlearn(material, plan).apply(toy_base()), part="train").argmax(-1).numpy() == toy_data().train.labels

    assert right[forget[weights == 0]].mean() > right[forget[weights == 1]].mean() + 0.2
