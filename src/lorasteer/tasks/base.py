"""The base model: trained, frozen, described well enough to be found again, and never written to."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import nn

from lorasteer.records import Record
from lorasteer.tasks.tensors import copy_structure, digest_of, write_tensors, write_text
from lorasteer.tasks.training import FitSettings


class BaseRecord(Record):
    """Where a base model comes from. Each modality adds what it needs to build the model and to make its input."""

    model: str
    """Registered model, folder or hub id, or `package.module:factory`."""
    options: dict[str, bool | int | float | str] = {}
    """Options of the model's factory."""
    classes: tuple[str, ...]
    """Class names in the order of the outputs."""
    data: str
    """How to load the data set again."""
    data_digest: str
    """Digest of the data set."""
    validation_part: str = "train"
    """Part the held-out examples come from: `test` for a base that was trained on all of train."""
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of that part that is held out."""
    left_out: str = ""
    """Digest of the splits whose forget set was left out of training; empty for a model that saw everything."""
    fit: FitSettings | None = None
    """Settings of the training; None for a model trained elsewhere."""
    seed: int = 0
    """Seed of initialisation, order and augmentation."""
    seconds: float = 0.0
    """Wall time of the training."""
    weights: str = ""
    """Digest of the weights."""


@dataclass(frozen=True)
class Base:
    """A frozen model and its record.

    The model stays in evaluation mode and takes no gradient. Whoever wants to change something asks for a `view`, which shares
    the numbers, or a `copy`, which owns them.
    """

    record: BaseRecord
    model: nn.Module

    def __post_init__(self) -> None:
        self.model.eval().requires_grad_(False)

    @cached_property
    def digest(self) -> str:
        """sha256 of the weights as they were when first asked."""
        return weights_digest(self.model)

    @cached_property
    def mirror(self) -> nn.Module:
        """A view kept for replaying: while it stands on remembered activations, the model itself can still compute new ones."""
        return self.view()

    def write_beside(self, folder: Path) -> None:
        """Write what this kind of base needs to be loaded again beside its weights and record; images need nothing."""

    def view(self) -> nn.Module:
        """Modules of its own, the base's numbers: can be wrapped and hooked, must not be trained in place."""
        return copy_structure(self.model)

    def copy(self) -> nn.Module:
        """A model with numbers of its own, free to train, in evaluation mode."""
        return copy.deepcopy(self.model).eval().requires_grad_(True)


def weights_digest(model: nn.Module) -> str:
    """sha256 over all parameters and buffers, BatchNorm statistics included."""
    return digest_of(model.state_dict())


def save_base(base: Base, folder: Path | str) -> Path:
    """Write `model.safetensors`, then `base.json`, atomically each; the record comes last, so a folder with it is complete.

    Raises:
        StoreError: The folder cannot be written.
    """
    folder = Path(folder)
    write_tensors(folder / "model.safetensors", base.model.state_dict())
    base.write_beside(folder)
    record = base.record.model_copy(update={"weights": base.digest})
    write_text(folder / "base.json", record.to_json(indent=1))
    return folder
