"""A language model as a base: its record, its tokenizer, its folder, and how it reads data."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import JsonValue
from torch import nn

from lorasteer.errors import PlanError, StoreError, WeightsError
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import Template, TextInputs, tokenizer_digest
from lorasteer.tasks.language.models import Made
from lorasteer.tasks.language.models.hub import load_tokenizer, save_tokenizer
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.pretrained import first_line
from lorasteer.tasks.splits import Holdout, Part, hold_out
from lorasteer.tasks.tensors import write_text
from lorasteer.tasks.vision.models.weights import load_weights

HOLDOUT_SEED = 20_240_806  # one held-out set per data set, whatever the seeds of training
LONGEST = 1024  # tokens of an example where the model reads more and nobody says otherwise
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
        save_tokenizer(self.tokenizer, folder)
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


def record_of(made: Made, data: TextData, *, template: Template, max_length: int | None, **facts: Any) -> LanguageBaseRecord:
    """What a network and its tokenizer are, and what is said of them besides.

    Raises:
        PlanError: The model reads fewer tokens than `max_length`, or the tokenizer is another model's.
    """
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


def base_of(record: LanguageBaseRecord, made: Made) -> LanguageBase:
    """The frozen base, its record completed by the digest of its weights."""
    base = LanguageBase(record, made.network, made.tokenizer)
    return replace(base, record=record.model_copy(update={"weights": base.digest}))
