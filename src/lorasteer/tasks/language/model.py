"""Language models as base models: train one, or take one that was trained elsewhere."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.errors import PlanError, TrainingDiverged
from lorasteer.tasks.gradients import rank, summed, world
from lorasteer.tasks.language.base import LanguageBase as LanguageBase
from lorasteer.tasks.language.base import LanguageBaseRecord as LanguageBaseRecord
from lorasteer.tasks.language.base import base_of, record_of
from lorasteer.tasks.language.base import load_language_base as load_language_base
from lorasteer.tasks.language.base import text_holdout_for as text_holdout_for
from lorasteer.tasks.language.base import text_inputs_for as text_inputs_for
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import Template, TextInputs, Tokens
from lorasteer.tasks.language.models import Made, make_model
from lorasteer.tasks.language.network import Network, check_network
from lorasteer.tasks.precision import fastest_precision
from lorasteer.tasks.resume import precision_of
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import FitReport, FitSettings, Observer, fit

TOGETHER = 16  # batches whose examples are sorted by length among themselves


@dataclass(frozen=True)
class TextBatches:
    """Shuffled batches whose examples are of similar length, so that little of a batch is padding."""

    inputs: TextInputs
    index: Index
    batch_size: int

    def __len__(self) -> int:
        return max(1, -(-len(self.index) // self.batch_size))

    def epoch(self, generator: torch.Generator) -> Iterator[Tokens]:
        """Batches of one epoch, each example once."""
        order = self.index[torch.randperm(len(self.index), generator=generator).numpy()]
        lengths, window = self.inputs.lengths("train"), self.batch_size * TOGETHER
        stretches = [order[start : start + window] for start in range(0, len(order), window)]
        sorted_ = np.concatenate([stretch[np.argsort(lengths[stretch], kind="stable")] for stretch in stretches])
        for step in torch.randperm(len(self), generator=generator).tolist():
            yield self.inputs.tokens("train", sorted_[step * self.batch_size : (step + 1) * self.batch_size])


def train_language_model(
    data: TextData,
    settings: FitSettings,
    *,
    model: str = "llama-5m",
    seed: int = 0,
    options: dict[str, bool | int | float | str] | None = None,
    template: Template | None = None,
    max_length: int | None = None,
    truncate: bool = False,
    validation_share: float = 0.0,
    without: Splits | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: Path | None = None,
    device: torch.device | str = "cpu",
) -> LanguageBase:
    """Train a language model on all tokens of its examples, on everything or without a forget set.

    A model that makes its own vocabulary makes it from all training examples, the forget set included, so that a retrained model
    splits the same text into the same tokens as the base it is compared with.

    Args:
        data: Prompts and answers.
        settings: Numbers of the training; a precision of `auto` is measured first, and the record holds what was chosen.
        model: Registered model, or a folder or hub id, whose weights are then where the training begins.
        seed: Seed of initialisation and order.
        options: Options of the model's factory.
        template: How prompt and answer become one text; question and answer when left out.
        max_length: Tokens of one example at most; what the model reads, but not above 1,024, when left out.
        truncate: Cut longer answers instead of refusing them.
        validation_share: Share of the training examples that is held out.
        without: Splits whose forget set is left out: the retrained model that forgetting is compared with.
        observers: Told of every step.
        checkpoint: File to write after every epoch and to resume from.
        device: Where to train; the base stays there.

    Raises:
        PlanError: The model or an option is unknown, or the model reads fewer tokens than `max_length`.
        DataError: An example is longer than `max_length`.
        TrainingDiverged: The loss was not finite.
        Interrupted: Ctrl-C was pressed; the checkpoint keeps the whole epochs.
    """
    template = template or Template()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = make_model(model, texts_of(data, template), **(options or {}))
    network = made.network.to(device)
    draft = record_of(
        made, data, model=model, options=options or {}, template=template, max_length=max_length, truncate=truncate,
        validation_share=validation_share, seed=seed, left_out=without.digest if without else "",
    )  # fmt: skip
    held_out = text_holdout_for(draft, data).index
    index = np.setdiff1d(np.arange(len(data.train)), held_out) if without is None else without.retain
    inputs = TextInputs(data, made.tokenizer, template, draft.max_length, truncate)
    settings = _with_precision(settings, network, inputs, index, checkpoint)
    report = _fit_network(network, TextBatches(inputs, index, settings.batch_size), settings, seed, observers, checkpoint)
    if report.reason == "diverged":
        raise TrainingDiverged(report.steps, report.kept_step)
    return base_of(draft.model_copy(update={"seconds": round(report.seconds, 3), "fit": settings}), made)


def texts_of(data: TextData, template: Template) -> tuple[str, ...]:
    """Every training example as one text, as the template writes it."""
    examples = zip(data.train.prompts, data.train.answers, strict=True)
    return tuple(template.asked(prompt) + template.said(prompt, answer) for prompt, answer in examples)


def _with_precision(
    settings: FitSettings, network: nn.Module, inputs: TextInputs, index: Index, checkpoint: Path | None
) -> FitSettings:
    if settings.precision != "auto":
        return settings
    batch = inputs.tokens("train", index[: settings.batch_size]).ids
    device = Network.of(network).device
    if device.type == "cuda":
        fastest = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    else:
        fastest = (checkpoint and precision_of(checkpoint)) or fastest_precision(network, batch)
    return settings.model_copy(update={"precision": fastest})


def _fit_network(
    model: nn.Module,
    batches: TextBatches,
    settings: FitSettings,
    seed: int,
    observers: Sequence[Observer],
    checkpoint: Path | None,
) -> FitReport:
    network = Network.of(model.train().requires_grad_(True))
    parameters = list(model.parameters())

    def loss(tokens: Tokens) -> Tensor:
        return summed([functools.partial(_own_share, network, tokens.to(network.device))], parameters)

    identity = hashlib.sha256(f"{batches.inputs.digest} ".encode() + batches.index.tobytes()).hexdigest()
    with network.learning_fast(bf16=settings.precision == "bf16"):
        report = fit(model, batches, loss, settings, seed=seed, observers=observers, checkpoint=checkpoint, identity=identity)
    model.eval()
    return report


def _own_share(network: Network, tokens: Tokens) -> Tensor:
    """What this process's sequences add to the loss of a batch: all of them where it works alone, else every so manieth."""
    own = tokens if world() == 1 else tokens.taken(torch.arange(rank(), len(tokens), world(), device=tokens.ids.device))
    if not len(own):
        return torch.zeros((), device=network.device)
    weighed, whole = (int(some.lengths.sum()) - len(some) for some in (own, tokens))
    return next_token_loss(network, own) * (weighed / whole)


def next_token_loss(network: Network, tokens: Tokens) -> Tensor:
    """Mean cross-entropy of all tokens but each sequence's first, prompts included: a scalar in nats."""
    real = tokens.mask[:, 1:].bool()
    logits = network.logits(network.hidden(tokens)[:, :-1][real]).float()
    return functional.cross_entropy(logits, tokens.ids[:, 1:][real])


def adopt_language(
    model: str | nn.Module,
    data: TextData,
    *,
    tokenizer: Any = None,
    name: str = "",
    options: dict[str, bool | int | float | str] | None = None,
    template: Template | None = None,
    max_length: int | None = None,
    truncate: bool = False,
    validation_part: Part = "test",
    validation_share: float = 0.0,
    device: torch.device | str = "cpu",
) -> LanguageBase:
    """Make a base of a language model that was trained elsewhere.

    Args:
        model: Folder or hub id of a causal language model, or the model itself.
        data: The data it was trained on.
        tokenizer: Of a model that is given itself.
        name: What to call such a model in the record.
        options: Options of the factory, for a folder or id.
        template: How prompt and answer were written when it was trained; question and answer when left out.
        max_length: Tokens of one example at most; what the model reads, but not above 1,024, when left out.
        truncate: Cut longer answers instead of refusing them.
        validation_part: Part whose held-out examples the model has not seen: `test`, where it saw all of train.
        validation_share: Share of that part to hold out; above 0 only where these examples ask for what it was never told.
        device: Where the model shall lie.

    Raises:
        PlanError: A model is given without its tokenizer, or reads fewer tokens than `max_length`.
        WeightsError: The model cannot be loaded, or is of a kind that cannot be worked on.
    """
    if isinstance(model, str):
        made, name = make_model(model, (), **(options or {})), model
    elif tokenizer is None:
        raise PlanError("a language model is given without its tokenizer; give tokenizer=AutoTokenizer.from_pretrained(...).")
    else:
        check_network(model)
        made = Made(model, tokenizer)
    made.network.to(device)
    record = record_of(
        made, data, model=name or type(made.network).__name__, options=options or {}, template=template or Template(),
        max_length=max_length, truncate=truncate, validation_part=validation_part, validation_share=validation_share,
    )  # fmt: skip
    return base_of(record, made)
