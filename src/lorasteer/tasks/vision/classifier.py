"""Image classifiers as base models: train one, load one, and turn a data set into what it reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from lorasteer.errors import DataError, StoreError, TrainingDiverged, WeightsError
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.precision import fastest_precision, lay_out
from lorasteer.tasks.resume import precision_of
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, hold_out
from lorasteer.tasks.training import FitReport, FitSettings, Observer, fit
from lorasteer.tasks.vision.augment import AUGMENTATIONS
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.models import build_model, load_weights, preprocess_for
from lorasteer.tasks.vision.pixels import Preprocess, default_preprocess, to_pixels

VALIDATION_SEED = 20_240_806  # one held-out set per data set, whatever the seeds of training


class ImageBaseRecord(BaseRecord):
    """Where an image classifier comes from and how its input is made."""

    shape: tuple[int, int, int]
    """Channels, height, width of an image."""
    preprocess: Preprocess
    """How bytes become the numbers the model reads."""


@dataclass(frozen=True)
class ImageInputs:
    """A data set as a classifier reads it."""

    data: ImageData
    preprocess: Preprocess

    @cached_property
    def digest(self) -> str:
        """sha256 of the data and the preprocessing."""
        return hashlib.sha256(f"{self.data.digest} {self.preprocess.digest}".encode()).hexdigest()

    def _part(self, part: Part) -> Examples:
        return self.data.train if part == "train" else self.data.test

    def size(self, part: Part) -> int:
        """Number of examples in a part."""
        return len(self._part(part))

    def batch(self, part: Part, index: Index) -> Tensor:
        """Pixels of these examples, float32, shape [n, channels, height, width]."""
        return to_pixels(self._part(part).images[index], self.preprocess)

    def labels(self, part: Part, index: Index) -> Tensor:
        """Class numbers of these examples, shape [n]."""
        return torch.from_numpy(self._part(part).labels[index])


def inputs_for(base: Base, data: ImageData) -> ImageInputs:
    """The data set as this base reads it.

    Raises:
        DataError: Image size or class names differ from what the base was made for.
    """
    record = base.record
    assert isinstance(record, ImageBaseRecord)
    if data.shape != record.shape:
        raise DataError(
            f"images are {data.shape} (channels, height, width) but the model reads {record.shape}; "
            "load the data with that size or choose another base."
        )
    if data.classes != record.classes:
        raise DataError(
            f"the data has classes {list(data.classes)[:12]} but the model knows {list(record.classes)[:12]}; "
            "use the data set the model was trained on."
        )
    return ImageInputs(data, record.preprocess)


def holdout_for(record: BaseRecord, data: ImageData) -> Holdout:
    """The examples kept out of this base's training (or, for a base trained elsewhere, out of the test figures)."""
    part: Part = "test" if record.validation_part == "test" else "train"
    labels = (data.train if part == "train" else data.test).labels
    return hold_out(labels, record.validation_share, part=part, seed=VALIDATION_SEED)


@dataclass(frozen=True)
class ImageBatches:
    """Shuffled, augmented batches of pixels and labels."""

    inputs: ImageInputs
    index: Index
    settings: FitSettings

    def __len__(self) -> int:
        return max(1, len(self.index) // self.settings.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of one epoch; a last one that is not full is left out, so BatchNorm never sees a single image."""
        order = torch.randperm(len(self.index), generator=generator).numpy()
        change = AUGMENTATIONS[self.settings.augmentation]
        for step in range(len(self)):
            chosen = self.index[order[step * self.settings.batch_size : (step + 1) * self.settings.batch_size]]
            pixels = change(self.inputs.batch("train", chosen), generator)
            if self.settings.precision == "bf16":
                pixels = pixels.contiguous(memory_format=torch.channels_last)
            yield pixels, self.inputs.labels("train", chosen)


def train_classifier(
    data: ImageData,
    model: str,
    settings: FitSettings,
    *,
    seed: int = 0,
    options: dict[str, bool | int | float | str] | None = None,
    validation_share: float = 0.1,
    without: Splits | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: Path | None = None,
) -> Base:
    """Train an image classifier from scratch, on everything or without a forget set.

    Args:
        data: Images and labels.
        model: Registered model or `package.module:factory`.
        settings: Numbers of the training; a precision of `auto` is measured first, and the record holds what was chosen.
        seed: Seed of initialisation, order and augmentation.
        options: Options of the model's factory.
        validation_share: Share of each class of the training part that is held out.
        without: Splits whose forget set is left out: the retrained model that forgetting is compared with.
        observers: Told of every step.
        checkpoint: File to write after every epoch and to resume from.

    Returns:
        The trained model, frozen, with its record.

    Raises:
        TrainingDiverged: The loss was not finite.
        Interrupted: Ctrl-C was pressed; the checkpoint keeps the whole epochs.
    """
    draft = ImageBaseRecord(
        model=model, options=options or {}, classes=data.classes, data=data.name, data_digest=data.digest, shape=data.shape,
        validation_share=validation_share, preprocess=preprocess_for(model, data), fit=settings, seed=seed,
        left_out=without.digest if without else "",
    )  # fmt: skip
    index = np.setdiff1d(np.arange(len(data.train)), holdout_for(draft, data).index) if without is None else without.retain
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_model(model, len(data.classes), data.shape, **draft.options)
    inputs = ImageInputs(data, draft.preprocess)
    if settings.precision == "auto":
        batch = inputs.batch("train", index[: settings.batch_size])
        precision = (checkpoint and precision_of(checkpoint)) or fastest_precision(network, batch)
        settings = settings.model_copy(update={"precision": precision})
    report = _fit_classifier(network, ImageBatches(inputs, index, settings), settings, seed, observers, checkpoint)
    if report.reason == "diverged":
        raise TrainingDiverged(report.steps, report.kept_step)
    base = Base(draft.model_copy(update={"seconds": round(report.seconds, 3), "fit": settings}), network)
    return Base(base.record.model_copy(update={"weights": base.digest}), base.model)


def _fit_classifier(
    network: nn.Module,
    batches: ImageBatches,
    settings: FitSettings,
    seed: int,
    observers: Sequence[Observer],
    checkpoint: Path | None,
) -> FitReport:
    network.train()
    lay_out(network, torch.channels_last if settings.precision == "bf16" else torch.contiguous_format)

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, labels = batch
        return F.cross_entropy(logits_of(network(pixels)).float(), labels)

    identity = hashlib.sha256(f"{batches.inputs.digest} ".encode() + batches.index.tobytes()).hexdigest()
    report = fit(network, batches, loss, settings, seed=seed, observers=observers, checkpoint=checkpoint, identity=identity)
    lay_out(network.eval(), torch.contiguous_format)
    return report


def load_base(folder: Path | str) -> Base:
    """Read a base model that `save_base` wrote.

    Raises:
        StoreError: The folder holds no base.
        WeightsError: The weights are damaged or not those of the record.
    """
    folder = Path(folder)
    if not (folder / "base.json").is_file():
        raise StoreError(f"no base model in {folder} (base.json is missing); make one with `lorasteer train --out {folder}`.")
    record = ImageBaseRecord.from_json((folder / "base.json").read_text(encoding="utf-8"))
    model = build_model(record.model, len(record.classes), record.shape, **record.options)
    load_weights(model, folder / "model.safetensors")
    base = Base(record, model)
    if base.digest != record.weights:
        raise WeightsError(
            f"{folder / 'model.safetensors'} has digest {base.digest[:12]}, but base.json says {record.weights[:12]}; "
            "the file was changed after it was saved. Restore it or train again."
        )
    return base


def adopt(
    model: nn.Module,
    data: ImageData,
    *,
    name: str,
    preprocess: Preprocess | None = None,
    options: dict[str, bool | int | float | str] | None = None,
    validation_part: Part = "test",
    validation_share: float = 0.2,
) -> Base:
    """Make a base of a model that was trained elsewhere.

    Args:
        model: Any module from images to logits; it is frozen.
        data: The data it was trained on; a share of `validation_part` is set aside to steer early stops.
        name: How `build_model` makes it again.
        preprocess: What it expects its pixels to be; the data's own mean and deviation when left out.
        options: Options for `build_model`.
        validation_part: `test` when the model saw all of train.
        validation_share: Share of each class of that part to hold out.
    """
    record = ImageBaseRecord(
        model=name, options=options or {}, classes=data.classes, data=data.name, data_digest=data.digest, shape=data.shape,
        validation_part=validation_part, validation_share=validation_share, preprocess=preprocess or default_preprocess(data),
    )  # fmt: skip
    base = Base(record, model)
    return Base(record.model_copy(update={"weights": base.digest}), model)
