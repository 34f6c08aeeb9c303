"""A text classifier and its data on the bench: the same as for images, with sentences in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorasteer.session.workbench import Workbench
from lorasteer.tasks.activations import Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.classifier import (
    TextClassifierRecord,
    labelled_holdout_for,
    labelled_inputs_for,
    load_text_classifier,
    train_text_classifier,
)
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.training import Observer


@dataclass
class LabelledBench(Workbench):
    """A text classifier and its sentences, ready for requests.

    Args:
        base: The frozen model.
        data: The labelled text it was trained on.
        cache: Folder for activations and retrained models; None keeps activations in memory and retrained models nowhere.
        memory_budget: Bytes of activations per part to hold in memory when there is no cache folder.
        suite: Which measurements are taken.
    """

    data: Any

    def __post_init__(self) -> None:
        inputs = labelled_inputs_for(self.base, self.data)
        folder = self.cache / "activations" if self.cache else None
        self._memory = Memory(self.base, inputs, folder, self.memory_budget)
        self._holdout = labelled_holdout_for(self.base.record, self.data)

    def _train(self, splits: Splits, seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
        record = self.base.record
        assert isinstance(record, TextClassifierRecord)
        assert record.fit is not None
        return train_text_classifier(
            self.data, record.fit, model=record.model, seed=seed, options=record.options, max_length=record.max_length,
            truncate=record.truncate, validation_share=record.validation_share, without=splits, observers=observers,
            checkpoint=checkpoint,
        )  # fmt: skip

    def load(self, folder: Path) -> Base:
        """Read a text classifier that `save_base` wrote."""
        return load_text_classifier(folder)
