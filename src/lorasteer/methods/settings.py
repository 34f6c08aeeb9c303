"""Settings that methods share; each method adds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from lorasteer.records import Settings
from lorasteer.tasks.training import FitSettings

if TYPE_CHECKING:
    from lorasteer.tasks.language.network import Network


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


class TextAdapterSettings(AdapterSettings):
    """Settings of every method that trains a LoRA adapter on a language model."""

    epochs: Annotated[int, Field(ge=0, le=1000)] = 10
    """Passes over the forget set at most; 0 changes nothing."""
    batch_size: Annotated[int, Field(gt=0)] = 16
    """Forget examples per step, as many retain examples go beside them; a small set is cut into at least eight steps an epoch."""
    rank: Annotated[int, Field(gt=0)] = 16
    """Rank of the adapter; at most the smaller side of an adapted layer."""
    alpha: Annotated[float, Field(gt=0)] = 32
    """The adapter's output is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout on the adapter's input while it learns."""
    layers: tuple[str, ...] = ()
    """Modules to adapt, or containers of such; empty means all linear layers of the blocks, attention and MLP."""
    init: Literal["zero", "fila"] = "zero"
    """Where the adapter begins: adding nothing (`zero`), or holding the directions that matter most for the forget set and least
    for the rest, by the ratio of squared gradients (`fila`); then the exported adapter has twice the rank."""
    accumulate: Annotated[int, Field(gt=0)] = 1
    """Parts a step is computed in, one after the other: less memory, the same numbers but for rounding."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the blocks: fp32, or bf16 autocast; losses are always computed in fp32."""
    checkpointing: bool = False
    """Whether blocks are computed again on the way back instead of being kept: less memory, about a third more time."""
    stop_at: Annotated[float, Field(ge=0, le=1)] | None = None
    """Stop once the mean answer probability of the forget set is at or below this share of the base's (aim `remove`);
    None leaves it to `forget_probability`."""
    forget_probability: Annotated[float, Field(ge=0, le=1)] | None = 0.1
    """Stop once the mean answer probability of the forget set is at or below this (aim `remove`); None sets no such bound.
    With aim `match-unseen` the bounds are what held-out examples show."""
    least_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Answer probability that the forget set shall keep at least: below it the model shows by its silence what it was taught.
    With it the two are a band, and a change that met the upper end is set to the strength that lies in it."""
    most_truth_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Largest truth ratio that counts as reached: how likely wrong answers are beside the right one in other words, the smaller
    by the larger, averaged over forget examples that carry both. None does not look at it."""
    least_truth_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Smallest truth ratio that counts as reached, where `most_truth_ratio` is given."""
    retain_within: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the base's answer probability on retained examples that may be lost when the aim counts as reached."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.init == "fila" and self.dropout > 0:
            raise ValueError(
                "init 'fila' needs dropout 0: dropped inputs of the adapter would be missing from the base's own answer"
            )
        return self

    def usual_layers(self, network: Network) -> tuple[str, ...]:
        """The layers to adapt where `layers` names none."""
        return network.linear_layers()
