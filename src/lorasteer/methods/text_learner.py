"""A language model with a fresh adapter around it, ready to learn, and how what it learns becomes a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lorasteer.changes import AdapterChange, Change, adapter_change
from lorasteer.changes.adapter import exactly, wrap_model
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.starting import put_adapter
from lorasteer.records import Plan, TrainingNotes
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.modules import check_rank
from lorasteer.tasks.tensors import Tensors


@dataclass(frozen=True)
class TextLearner:
    """A model that learns, and how its result becomes a change.

    Args:
        model: The `PeftModel`; its free parameters require a gradient.
        finish: Makes the change, with the state that a further training goes on from.
    """

    model: Any
    finish: Callable[[TrainingNotes, Tensors], Change]


def wrapped_view(material: TextMaterial, plan: Plan, settings: TextAdapterSettings, layers: Sequence[str], **more: object) -> Any:
    """A view of what the material stands on with a fresh adapter on these layers: a `PeftModel`.

    Args:
        material: Gives the model.
        plan: Gives the seed.
        settings: Rank, scaling and dropout.
        layers: Names of linear layers.
        **more: Further values of PEFT's configuration.
    """
    model = material.standing.view()
    config = {
        "r": settings.rank, "lora_alpha": settings.alpha, "lora_dropout": settings.dropout,
        "target_modules": exactly(layers), "fan_in_fan_out": turned(model, layers), **more,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return wrap_model(model, config)


def turned(model: nn.Module, layers: Sequence[str]) -> bool:
    """Whether these layers hold their weights input by output, as GPT-2's do."""
    return any(isinstance(model.get_submodule(layer), Conv1D) for layer in layers)


def plain_adapter(
    material: TextMaterial, plan: Plan, settings: TextAdapterSettings, layers: Sequence[str], course: Course
) -> TextLearner:
    """An adapter that adds nothing yet, or what the adapter that the course starts from adds.

    Raises:
        PlanError: The rank is too large for a layer.
    """
    check_rank(material.base.model, layers, settings.rank)
    wrapped = wrapped_view(material, plan, settings, layers)
    if course.start is not None and isinstance(course.start.change, AdapterChange):
        put_adapter(wrapped, course.start.change)

    def finish(notes: TrainingNotes, resume: Tensors) -> Change:
        made = adapter_change(material.base, wrapped, plan=plan, training=notes, strength=plan.strength)
        return replace(made, resume=resume or None)

    return TextLearner(wrapped, finish)
