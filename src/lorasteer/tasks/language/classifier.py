"""Text classifiers as base models, for the pipeline that images go through: the network takes rows of token ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.errors import DataError, PlanError, StoreError, TrainingDiverged, WeightsError
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.language.classifier_models import TextClassifier, make_classifier, wrapped
from lorasteer.tasks.language.inputs import tokenizer_digest
from lorasteer.tasks.language.labelled import LabelledData, LabelledInputs
from lorasteer.tasks.language.models.hub import load_tokenizer, save_tokenizer
from lorasteer.tasks.pretrained import first_line
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, hold_out
from lorasteer.tasks.tensors import write_text
from lorasteer.tasks.training import FitSettings, Observer, fit
from lorasteer.tasks.vision.models.weights import load_weights

VALIDATION_SEED = 20_240_806  # one held-out set per data set, whatever the seeds of training
LONGEST = 512  # tokens of an example where the model reads more and nobody says otherwise


class TextClassifierRecord(BaseRecord):
    """Where a text classifier comes from and how its input is made."""

    task: Literal["text-classification"] = "text-classification"
    """What the base works on."""
    config: dict[str, JsonValue]
    """Configuration of the network, as `transformers` writes it."""
    tokenizer: str
    """Digest of the tokenizer, whose files lie beside the weights."""
    max_length: int
    """Tokens of one example at most."""
    truncate: bool = False
    """Whether longer texts are cut instead of being refused."""


@dataclass(frozen=True)
class TextClassifierBase(Base):
    """A frozen text classifier, its record, and the tokenizer it reads by."""

    tokenizer: Any = None

    def write_beside(self, folder: Path) -> None:
        """Write the tokenizer."""
        save_tokenizer(self.tokenizer, folder)
        record = self.record
        assert isinstance(record, TextClassifierRecord)
        write_text(folder / "config.json", json.dumps(record.config, indent=2))


def labelled_inputs_for(base: Base, data: LabelledData) -> LabelledInputs:
    """The data set as this base reads it.

    Raises:
        DataError: The class names differ from what the base was made for.
    """
    record = base.record
    assert isinstance(record, TextClassifierRecord)
    assert isinstance(base, TextClassifierBase)
    if data.classes != record.classes:
        raise DataError(
            f"the data has classes {list(data.classes)[:12]} but the model knows {list(record.classes)[:12]}; "
            "use the data set the model was trained on."
        )
    return LabelledInputs(data, base.tokenizer, record.max_length, record.truncate)


def labelled_holdout_for(record: BaseRecord, data: LabelledData) -> Holdout:
    """The examples kept out of this base's training (or, for a base trained elsewhere, out of the test figures)."""
    part: Part = "test" if record.validation_part == "test" else "train"
    labels = (data.train if part == "train" else data.test).labels
    return hold_out(labels, record.validation_share, part=part, seed=VALIDATION_SEED)


@dataclass(frozen=True)
class LabelledBatches:
    """Shuffled batches of token ids and labels."""

    inputs: LabelledInputs
    index: Index
    batch_size: int

    def __len__(self) -> int:
        return max(1, -(-len(self.index) // self.batch_size))

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of one epoch, each example once, without columns of mere padding."""
        order = self.index[torch.randperm(len(self.index), generator=generator).numpy()]
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            ids = self.inputs.batch("train", chosen)
            yield ids[:, : int((ids >= 0).sum(1).max())], self.inputs.labels("train", chosen)


def train_text_classifier(
    data: LabelledData,
    settings: FitSettings,
    *,
    model: str = "bert-tiny",
    seed: int = 0,
    options: dict[str, bool | int | float | str] | None = None,
    max_length: int | None = None,
    truncate: bool = False,
    validation_share: float = 0.1,
    without: Splits | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: Path | None = None,
) -> TextClassifierBase:
    """Train a text classifier, on everything or without a forget set; of a folder or id, from its weights on.

    Args:
        data: Texts and labels.
        settings: Numbers of the training; `auto` precision means fp32.
        model: Registered classifier, folder or hub id.
        seed: Seed of initialisation, order and dropout.
        options: Options of the factory.
        max_length: Tokens of one example at most; what the model reads, but not above 512, when left out.
        truncate: Cut longer texts instead of refusing them.
        validation_share: Share of each class of the training part that is held out.
        without: Splits whose forget set is left out: the retrained model that forgetting is compared with.
        observers: Told of every step.
        checkpoint: File to write after every epoch and to resume from.

    Raises:
        TrainingDiverged: The loss was not finite.
        Interrupted: Ctrl-C was pressed; the checkpoint keeps the whole epochs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, tokenizer = make_classifier(model, len(data.classes), data.train.texts, **(options or {}))
    draft = _record(
        network, tokenizer, data, model=model, options=options or {}, max_length=max_length, truncate=truncate, seed=seed,
        validation_share=validation_share, left_out=without.digest if without else "",
    )  # fmt: skip
    held_out = labelled_holdout_for(draft, data).index
    index = np.setdiff1d(np.arange(len(data.train)), held_out) if without is None else without.retain
    inputs = LabelledInputs(data, tokenizer, draft.max_length, truncate)
    settings = settings.model_copy(update={"precision": "fp32"}) if settings.precision == "auto" else settings
    network.train().requires_grad_(True)

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        ids, labels = batch
        return functional.cross_entropy(network(ids).float(), labels)

    identity = hashlib.sha256(f"{inputs.digest} ".encode() + index.tobytes()).hexdigest()
    batches = LabelledBatches(inputs, index, settings.batch_size)
    report = fit(network, batches, loss, settings, seed=seed, observers=observers, checkpoint=checkpoint, identity=identity)
    if report.reason == "diverged":
        raise TrainingDiverged(report.steps, report.kept_step)
    return _base(draft.model_copy(update={"seconds": round(report.seconds, 3), "fit": settings}), network, tokenizer)


def load_text_classifier(folder: Path | str) -> TextClassifierBase:
    """Read a text classifier that `save_base` wrote.

    Raises:
        StoreError: The folder holds no base.
        WeightsError: Weights or tokenizer are missing, damaged, or not those of the record.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    folder = Path(folder)
    if not (folder / "base.json").is_file():
        raise StoreError(f"no base model in {folder} (base.json is missing); save one with save_base.")
    record = TextClassifierRecord.from_json((folder / "base.json").read_text(encoding="utf-8"))
    configure: Any = AutoConfig.for_model
    build: Any = AutoModelForSequenceClassification.from_config
    try:
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = build(configure(**record.config))
    except Exception as error:  # transformers raises what it likes
        raise WeightsError(
            f"the network in {folder} cannot be built from its configuration: {first_line(error)}. "
            "Use the version of transformers it was saved by, or train again."
        ) from error
    tokenizer = load_tokenizer(folder)
    model = wrapped(network, tokenizer)
    load_weights(model, folder / "model.safetensors")
    base = TextClassifierBase(record, model, tokenizer)
    if (base.digest, tokenizer_digest(tokenizer)) != (record.weights, record.tokenizer):
        raise WeightsError(
            f"weights or tokenizer in {folder} are not those that base.json describes; a file was changed after it was saved. "
            "Restore it or train again."
        )
    return base


def adopt_text_classifier(
    model: str | nn.Module,
    data: LabelledData,
    *,
    tokenizer: Any = None,
    options: dict[str, bool | int | float | str] | None = None,
    max_length: int | None = None,
    truncate: bool = False,
    validation_part: Part = "test",
    validation_share: float = 0.2,
) -> TextClassifierBase:
    """Make a base of a text classifier that was trained elsewhere.

    Args:
        model: Folder or hub id, or an `AutoModelForSequenceClassification` itself.
        data: The data it was trained on; a share of `validation_part` is set aside to steer early stops.
        tokenizer: Of a model that is given itself.
        options: Options of the factory, for a folder or id.
        max_length: Tokens of one example at most; what the model reads, but not above 512, when left out.
        truncate: Cut longer texts instead of refusing them.
        validation_part: `test` when the model saw all of train.
        validation_share: Share of each class of that part to hold out.

    Raises:
        PlanError: A model is given without its tokenizer, or its classes are not those of the data.
    """
    if isinstance(model, str):
        network, tokenizer = make_classifier(model, len(data.classes), (), **(options or {}))
    elif tokenizer is None:
        raise PlanError("a text classifier is given without its tokenizer; give tokenizer=AutoTokenizer.from_pretrained(...).")
    else:
        network = wrapped(model, tokenizer)
    record = _record(
        network, tokenizer, data, model=model if isinstance(model, str) else type(model).__name__, options=options or {},
        max_length=max_length, truncate=truncate, validation_part=validation_part, validation_share=validation_share,
    )  # fmt: skip
    return _base(record, network, tokenizer)


def _record(
    network: TextClassifier, tokenizer: Any, data: LabelledData, *, max_length: int | None, **facts: Any
) -> TextClassifierRecord:
    config: Any = network.network.config
    if config.num_labels != len(data.classes):
        raise PlanError(
            f"the model has {config.num_labels} classes, the data has {len(data.classes)}; choose data with its classes."
        )
    stated = (getattr(config, name, None) for name in ("max_position_embeddings", "n_positions"))
    context = min([number for number in (*stated, tokenizer.model_max_length) if isinstance(number, int)], default=LONGEST)
    if max_length is not None and max_length > context:
        raise PlanError(f"max_length is {max_length}, but the model reads {context} tokens; choose at most that many.")
    return TextClassifierRecord(
        classes=data.classes, data=data.name, data_digest=data.digest, config=json.loads(config.to_json_string(use_diff=False)),
        tokenizer=tokenizer_digest(tokenizer), max_length=max_length or min(context, LONGEST), **facts,
    )  # fmt: skip


def _base(record: TextClassifierRecord, network: TextClassifier, tokenizer: Any) -> TextClassifierBase:
    base = TextClassifierBase(record, network, tokenizer)
    return replace(base, record=record.model_copy(update={"weights": base.digest}))
