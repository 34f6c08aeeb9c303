"""Description of a change: what it is, what it was made from, and the digests to check it by. The tensors lie beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.base import Record
from lorasteer.records.plan import Plan


class TrainingNotes(Record):
    """How the training behind a change ended."""

    steps: int = 0
    """Optimiser steps taken."""
    kept_step: int = 0
    """Step whose weights were kept; 0 is the untouched start."""
    seconds: float = 0.0
    """Wall time of unlearning alone: no evaluation, no loading."""
    prefix_seconds: float = 0.0
    """Part of it spent computing activations of the frozen part that were not remembered yet."""
    reason: str = ""
    """Why it ended: `finished`, `aim reached`, `stopped` by an observer, `diverged`, or a sentence about a collapse."""
    precision: str = "fp32"
    """Number format of the arithmetic: `fp32` or `bf16`."""


class ChangeRecord(Record):
    """Description of a finished change."""

    kind: Literal["adapter", "weights", "composed"]
    """What holds the numbers."""
    base: str
    """Digest of the base model it was made for."""
    tensors: str
    """Digest of its numbers."""
    plan: Plan | None = None
    """Plan that made it; None for changes built by hand or composed."""
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """Strength it is applied at unless another is asked for."""
    trainable: Annotated[int, Field(ge=0)] = 0
    """How many numbers were free to change."""
    training: TrainingNotes = TrainingNotes()
    """How the training ended."""
    parts: tuple[ChangeRecord, ...] = ()
    """For a composed change: its parts in the order in which they are applied."""
