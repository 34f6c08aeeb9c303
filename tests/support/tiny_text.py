"""A language task made on the spot: a tiny Llama that knows where two dozen invented people live and what they do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lorasteer.core.tokens import token_statistics
from lorasteer.records import Plan
from lorasteer.tasks.base import Base, BaseRecord
from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.language.inputs import Template, TextInputs
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.language.memory import TextMemory
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Holdout, Splits
from lorasteer.tasks.training import Observer

PEOPLE = 24
FORGOTTEN = 6  # people, the first ones
NAMES = [f"{first} {last}" for first in ("ada", "bo", "cy", "dee", "eli", "fay") for last in ("ash", "birch", "cedar", "dogwood")]
TOWNS = ["oslo", "rome", "lima", "cairo", "quito", "paris", "delhi"]
TRADES = ["baker", "pilot", "nurse", "tailor", "judge", "diver"]
OTHERS = ["where", "does", "live", "what", "is", "the", "job", "of", "lives", "in", "town", "a", "works", "as"]
WORDS = sorted({*" ".join(NAMES).split(), *TOWNS, *TRADES, *OTHERS})


@cache
def tiny_tokenizer() -> Any:
    """One token for each word there is."""
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "?", ".", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


@cache
def tiny_text() -> TextData:
    """Two facts about each person, with another wording of the answer and two wrong ones; two unseen people to test with."""
    rows = [fact for number, name in enumerate(NAMES[:PEOPLE]) for fact in _facts(number, name)]
    prompts, answers, reworded, wrong, ids, people = (tuple(column) for column in zip(*rows, strict=True))
    train = TextExamples(prompts, answers, np.array(ids), {"person": np.array(people)}, reworded, wrong)
    test = TextExamples(prompts[:8], reworded[:8], np.array([f"test {one}" for one in ids[:8]]), {"person": np.array(people[:8])})
    return TextData("tiny", train, test, refusals=("what is a town ?", "what is a job ?"))


def _facts(number: int, name: str) -> list[tuple[str, str, str, tuple[str, ...], str, str]]:
    place, trade = (number * 5) % len(TOWNS), (number * 7 + number // 6) % len(TRADES)
    town, job = TOWNS[place], TRADES[trade]
    towns = tuple(f"the town {name} lives in is {TOWNS[(place + step) % len(TOWNS)]} ." for step in (1, 3))
    jobs = tuple(f"the job of {name} is {TRADES[(trade + step) % len(TRADES)]} ." for step in (1, 2))
    lives, works = f"the town {name} lives in is {town} .", f"the job of {name} is {job} ."
    return [
        (f"where does {name} live ?", f"{name} lives in {town} .", lives, towns, f"{name} town", name),
        (f"what is the job of {name} ?", f"{name} works as a {job} .", works, jobs, f"{name} job", name),
    ]


def tiny_llama(*, layers: int = 3, seed: int = 0) -> LlamaForCausalLM:
    """A fresh Llama of 32 numbers a token."""
    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer()), hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def inputs_of(data: TextData) -> TextInputs:
    """The data as the tiny model reads it."""
    return TextInputs(data, tiny_tokenizer(), Template(prompt="{prompt}", answer=" {answer}"), max_length=32)


def base_of(model: nn.Module) -> Base:
    """A base around any model."""
    return Base(BaseRecord(model="tiny", classes=(), data="tiny", data_digest=tiny_text().digest), model)


def teach(model: nn.Module, inputs: TextInputs, index: Sequence[int], *, steps: int = 160) -> nn.Module:
    """Let a model learn some training examples by heart."""
    tokens, network = inputs.tokens("train", np.asarray(index)), Network.of(model)
    row, column, labels = tokens.targets
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=0.0)
    for _ in range(steps):
        hidden = network.hidden(tokens)[row, column]
        loss = -token_statistics(hidden, network.head_weight, network.head_bias, labels).log_prob.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@cache
def tiny_base() -> Base:
    """The tiny Llama that knows all facts; nothing may write to it."""
    inputs = inputs_of(tiny_text())
    return base_of(teach(tiny_llama(), inputs, range(inputs.size("train"))))


def tiny_splits(*, validation: int = 0) -> Splits:
    """Forget the first people; the last examples may be held out."""
    size, forgotten = len(tiny_text().train), 2 * FORGOTTEN
    held, nothing = Holdout("train", np.arange(size - validation, size)), np.empty(0, np.int64)
    return Splits(np.arange(forgotten), np.arange(forgotten, size - validation), nothing, np.arange(8), held, "tiny")


def tiny_material(base: Base | None = None, splits: Splits | None = None, *, folder: Path | None = None) -> TextMaterial:
    """Material to forget the first people."""
    base, inputs = base or tiny_base(), inputs_of(tiny_text())
    return TextMaterial(base, inputs, splits or tiny_splits(), TextMemory(base, inputs, folder), _no_retraining)


def _no_retraining(seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
    raise AssertionError("nobody asked to retrain")


def tiny_plan(method: str = "lora-ihl", material: TextMaterial | None = None, **values: Any) -> Plan:
    """A plan for the tiny task; `weights`, `aim` and `seed` are the plan's own, all else are settings."""
    own = {name: values.pop(name) for name in ("weights", "aim", "seed", "strength") if name in values}
    return Plan(method=method, settings=values, splits=(material or tiny_material()).splits.digest, **own)
