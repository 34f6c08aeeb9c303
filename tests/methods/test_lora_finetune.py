"""Fine-tuning an adapter on retained examples: no forget term."""

from __future__ import annotations

from lorasteer.methods import METHODS, unlearn
from tests.support.tiny_text import tiny_material, tiny_plan
from tests.support.toy import accuracy, toy_base, toy_material, toy_plan


def test_promises_no_forgetting() -> None:
    assert METHODS["lora-finetune"]["forgets"] is False


def test_keeps_the_retained_classes() -> None:
    change = unlearn(toy_material(), toy_plan("lora-finetune", settings={"epochs": 5}))

    assert accuracy(change.apply(toy_base()), forgotten=False) > accuracy(toy_base().model, forgotten=False) - 0.02


def test_uses_no_forget_example() -> None:
    """Ten epochs or one: the number of steps follows from the retain sample alone."""
    settings = {"epochs": 2, "retain": 640, "batch_size": 64}

    assert unlearn(toy_material(), toy_plan("lora-finetune", settings=settings)).record.training.steps == 2 * 10


def test_uses_no_forget_example_of_text() -> None:
    plan = tiny_plan("lora-finetune", epochs=2, retain=24, batch_size=12)

    assert unlearn(tiny_material(), plan).record.training.steps == 2 * 2
