"""Language models as base models: train one, load one, take one that was trained elsewhere, and read data by it."""

from __future__ import annotations

import functools
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

from lorasteer.errors import PlanError, StoreError, TrainingDiverged, WeightsError
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.gradients import rank, summed, world
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import Template, TextInputs, Tokens, tokenizer_digest
from lorasteer.tasks.language.models import Made, make_model
from lorasteer.tasks.language.models.hub import load_tokenizer
from lorasteer.tasks.language.network import Network, check_network
from lorasteer.tasks.precision import fastest_precision
from lorasteer.tasks.pretrained import first_line
from lorasteer.tasks.resume import precision_of
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, hold_out
from lorasteer.tasks.tensors import write_text
from lorasteer.tasks.training import FitReport, FitSettings, Observer, fit
from lorasteer.tasks.vision.models.weights import load_weights

HOLDOUT_SEED = 20_240_806  # one held-out set per data set, whatever the seeds of training
LONGEST = 1024  # tokens of an example where the model reads more and nobody says otherwise
TOGETHER = 16  # batches whose examples are sorted by length among themselves
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class LanguageBaseRecord(BaseRecord):
    """Where a language model comes from and how its input is made."""

    task: Literal["language"] = "language"
    """What the base works on."""
    classes: tuple[str, ...] = ()
    """A language model has none."""
    config: dict[str, JsonValue]
    """Configuration of the network, as `transformers` writes it."""
    tokenizer: str
    """Digest of the tokenizer, whose files lie beside the weights."""
    template: Template = Template()
    """How prompt and answer become one text."""
    max_length: int
    """Tokens of one example at most."""
    truncate: bool = False
    """Whether longer answers are cut instead of being refused."""
    dtype: str = "float32"
    """Numbers the weights are held in."""


@dataclass(frozen=True)
class LanguageBase(Base):
    """A frozen language model, its record, and the tokenizer it reads by."""

    tokenizer: Any = None

    def write_beside(self, folder: Path) -> None:
        """Write tokenizer and configuration, so that `transformers` can load the folder as well."""
        try:
            self.tokenizer.save_pretrained(folder)
        except OSError as error:
            raise StoreError(f"cannot write the tokenizer to {folder}: {error}. Free space or choose another folder.") from error
        write_text(folder / "config.json", json.dumps(json_of(Network.of(self.model).causal), indent=2))


def text_inputs_for(base: Base, data: TextData) -> TextInputs:
    """The data set as this base reads it."""
    assert isinstance(base, LanguageBase)
    record = base.record
    assert isinstance(record, LanguageBaseRecord)
    return TextInputs(data, base.tokenizer, record.template, record.max_length, record.truncate)


def text_holdout_for(record: BaseRecord, data: TextData) -> Holdout:
    """The examples kept out of this base's training (or, for a base trained elsewhere, out of the test figures)."""
    part: Part = "test" if record.validation_part == "test" else "train"
    size = len(data.train if part == "train" else data.test)
    return hold_out(np.zeros(size, np.int64), record.validation_share, part=part, seed=HOLDOUT_SEED)


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
    draft = _record(
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
    return _base(draft.model_copy(update={"seconds": round(report.seconds, 3), "fit": settings}), made)


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


def load_language_base(folder: Path | str, *, device: torch.device | str = "cpu") -> LanguageBase:
    """Read a language base that `save_base` wrote.

    Args:
        folder: Where it lies.
        device: Where the model shall lie.

    Raises:
        StoreError: The folder holds no base.
        WeightsError: Weights or tokenizer are missing, damaged, or not those of the record.
    """
    folder = Path(folder)
    if not (folder / "base.json").is_file():
        raise StoreError(
            f"no base model in {folder} (base.json is missing); make one with `lorasteer train --task language --out {folder}`."
        )
    record = LanguageBaseRecord.from_json((folder / "base.json").read_text(encoding="utf-8"))
    network = _network_of(record, folder)
    load_weights(network, folder / "model.safetensors")
    missing = [name for name in TOKENIZER_FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder} lacks {missing[0]}, a file of the tokenizer. Copy it there from where the base was saved.")
    tokenizer = load_tokenizer(folder)
    base = LanguageBase(record, network.to(device), tokenizer)
    for name, given, wanted in (
        ("model.safetensors", base.digest, record.weights),
        ("tokenizer.json", tokenizer_digest(tokenizer), record.tokenizer),
    ):
        if given != wanted:
            raise WeightsError(
                f"{folder / name} has digest {given[:12]}, but base.json says {wanted[:12]}; "
                "the file was changed after it was saved. Restore it or train again."
            )
    return base


def _network_of(record: LanguageBaseRecord, folder: Path) -> nn.Module:
    from transformers import AutoConfig, AutoModelForCausalLM

    configure: Any = AutoConfig.for_model
    build: Any = AutoModelForCausalLM.from_config
    try:
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = build(configure(**record.config), dtype=getattr(torch, record.dtype))
    except Exception as error:  # transformers raises what it likes
        raise WeightsError(
            f"the network in {folder} cannot be built from its configuration: {first_line(error)}. "
            "Use the version of transformers it was saved by, or train again."
        ) from error
    return network


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
    record = _record(
        made, data, model=name or type(made.network).__name__, options=options or {}, template=template or Template(),
        max_length=max_length, truncate=truncate, validation_part=validation_part, validation_share=validation_share,
    )  # fmt: skip
    return _base(record, made)


def _record(made: Made, data: TextData, *, template: Template, max_length: int | None, **facts: Any) -> LanguageBaseRecord:
    network = Network.of(made.network)
    context = context_of(made)
    if max_length is not None and max_length > context:
        raise PlanError(f"max_length is {max_length}, but the model reads {context} tokens; choose at most that many.")
    words = network.head_weight.shape[0]
    if len(made.tokenizer) > words:
        raise PlanError(
            f"the tokenizer has {len(made.tokenizer)} tokens, the model knows {words}. Choose the tokenizer it was trained with."
        )
    if template.chat and not getattr(made.tokenizer, "chat_template", None):
        raise PlanError("the tokenizer has no chat template; leave chat out, and give a template of your own.")
    return LanguageBaseRecord(
        data=data.name, data_digest=data.digest, config=json_of(network.causal), tokenizer=tokenizer_digest(made.tokenizer),
        dtype=str(network.dtype).removeprefix("torch."), template=template, max_length=max_length or min(context, LONGEST),
        **facts,
    )  # fmt: skip


def json_of(causal: nn.Module) -> dict[str, JsonValue]:
    """Configuration of a network of `transformers` as plain JSON."""
    config: Any = causal.config
    plain: dict[str, JsonValue] = json.loads(config.to_json_string(use_diff=False))
    return plain


def context_of(made: Made) -> int:
    """Tokens a model reads at once, by its own configuration and its tokenizer's."""
    config = Network.of(made.network).causal.config
    stated = (getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "seq_length"))
    most = [number for number in (*stated, made.tokenizer.model_max_length) if isinstance(number, int) and number < 1 << 30]
    return min(most, default=LONGEST)


def _base(record: LanguageBaseRecord, made: Made) -> LanguageBase:
    base = LanguageBase(record, made.network, made.tokenizer)
    return replace(base, record=record.model_copy(update={"weights": base.digest}))
