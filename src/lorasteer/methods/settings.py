"""Settings that methods share; each method adds its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records import Settings
from lorasteer.tasks.training import FitSettings


class ObjectiveSettings(Settings):
    """Settings of every method that trains: how long, how fast, what holds the rest in place, when to stop."""

    epochs: Annotated[int, Field(ge=0, le=1000)] = 10
    """Passes over the forget set at most; 0 changes nothing."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    """Learning rate of AdamW."""
    batch_size: Annotated[int, Field(gt=0)] = 64
    """Forget examples per step, as many retain examples go beside them; a small set is cut into at least eight steps an epoch."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of AdamW."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest norm of the gradient; None does not clip."""
    retain: Annotated[int, Field(ge=0)] = 1000
    """Retain examples that hold the rest of the model in place; 0 uses none."""
    anchor: Literal["kl", "cross-entropy", "none"] = "kl"
    """What is asked of them: to answer as the base does (`kl`), to be classified rightly (`cross-entropy`), nothing (`none`)."""
    anchor_weight: Annotated[float, Field(ge=0)] = 5.0
    """Weight of the anchor beside the forget term."""
    spare_weight: Annotated[float, Field(ge=0)] = 1.0
    """With a direction: weight of the spared part of the target, as a multiple of the anchor's."""
    stop_at: Annotated[float, Field(ge=0, le=1)] | None = 0.0
    """Stop once forget accuracy is at or below this share of the base's (aim `remove`); None never stops early.
    With aim `match-unseen` any value stops at the accuracy of unseen examples."""
    retain_within: Annotated[float, Field(ge=0, le=1)] = 0.002
    """The aim is reached only once accuracy on retained examples is back within this of the base's; a share of examples."""

    def fit_settings(self) -> FitSettings:
        """The part of these settings that the training loop reads."""
        return FitSettings(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
            weight_decay=self.weight_decay, clip_norm=self.clip_norm,
        )  # fmt: skip


class AdapterSettings(ObjectiveSettings):
    """Settings of every method that trains a LoRA adapter."""

    rank: Annotated[int, Field(gt=0)] = 8
    """Rank of the adapter; at most the smaller side of an adapted layer."""
    alpha: Annotated[float, Field(gt=0)] = 16
    """The adapter's output is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Dropout on the adapter's input while it learns."""
    layers: tuple[str, ...] = ()
    """Modules to adapt, or containers of such; empty means the classifier head."""


class WeightSettings(ObjectiveSettings):
    """Settings of every method that trains the weights themselves."""

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-4
    """Learning rate of AdamW."""
