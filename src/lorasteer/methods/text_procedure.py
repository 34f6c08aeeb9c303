"""How every method trains on text: one procedure; the method supplies its loss on the answer tokens of forget examples."""

from __future__ import annotations

from typing import Any

from lorasteer.changes import Change
from lorasteer.methods.course import Course
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.tokens import TokenObjective
from lorasteer.records import Plan


def train_text_adapter(
    material: Any, plan: Plan, settings: TextAdapterSettings, objective: TokenObjective | None, course: Course
) -> Change:
    """Train a LoRA adapter on a frozen language model."""
    raise NotImplementedError
