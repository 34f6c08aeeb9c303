"""One place decides by the material how a method trains, and by the task which settings it has."""

from __future__ import annotations

from lorasteer.errors import PlanError
from lorasteer.methods import continues, settings_of, unlearn
from lorasteer.methods.settings import AdapterSettings, TextAdapterSettings
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_material, tiny_plan


def test_a_method_for_both_has_settings_for_each() -> None:
    images, text = (settings_of("lora-ihl", {}, task=task) for task in ("vision", "language"))

    assert isinstance(images, AdapterSettings)
    assert not isinstance(images, TextAdapterSettings)
    assert isinstance(text, TextAdapterSettings)
    assert settings_of("lora-ihl", {}) == images
    assert continues("lora-ihl", task="language")
    with refuses(PlanError, "forget_probability"):
        settings_of("lora-ihl", {"forget_probability": 0.1})


def test_one_method_trains_on_text_as_on_images() -> None:
    change = unlearn(tiny_material(), tiny_plan("lora-ihl", epochs=1, retain=8, rank=2, alpha=4.0))

    assert change.record.training.steps == 6
    assert all(".layers." in layer for layer in change.layers)


def test_a_method_for_images_is_refused_on_text() -> None:
    with refuses(PlanError, "logit-mask", "language", "lora-ihl"):
        unlearn(tiny_material(), tiny_plan("logit-mask"))
