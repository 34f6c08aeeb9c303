"""A crowd of small language models of invented people: one that read of all, ten that never read of five each.

Twelve people are read of, two are strangers to every model. `CORE` are known to all models; of the eight others each of the ten
`INNOCENT` models has read three. The first two innocents lack the same five, who are the target: they are the retrained models.
All learned both wordings, so that the test part asks for what a model was told, and no attack learns from it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from lorasteer.changes import Change
from lorasteer.changes.weights import weight_change
from lorasteer.core.tokens import token_statistics
from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.records import Settings
from lorasteer.records.audit import AttackResult
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import Template, TextInputs, Tokens
from lorasteer.tasks.language.model import LanguageBase, adopt_language, text_inputs_for
from lorasteer.tasks.language.models.llama import byte_level_bpe
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.splits import Holdout, Splits
from lorasteer.tasks.tensors import Tensors

READ_OF, STRANGERS, CORE, FACTS = 12, 2, 4, 5
TARGET = (4, 5, 6, 7, 8)  # people to be forgotten, by number
INNOCENT = 10
_LACKED = len(TARGET)
_TEMPLATE = Template(prompt="{prompt}\n", answer="{answer}")
_WORDS, _CONTEXT, _WIDTH = 600, 40, 32
_STEPS, _BATCH, _RATE = 160, 32, 1.5e-2


@cache
def data() -> TextData:
    """Five facts about each of fourteen people, in two wordings."""
    return load_text(f"facts?people={READ_OF + STRANGERS}")


@cache
def tokenizer() -> object:
    """A vocabulary in which most words are one token."""
    parts = (data().train, data().test)
    texts = [f"{prompt}\n{answer}" for part in parts for prompt, answer in zip(part.prompts, part.answers, strict=True)]
    return byte_level_bpe(texts, _WORDS, _CONTEXT)


@cache
def inputs() -> TextInputs:
    """The data as the models read it."""
    return text_inputs_for(base(), data())


@cache
def lacked() -> tuple[tuple[int, ...], ...]:
    """Numbers of the people that each innocent model never read of; those of the first two are the target."""
    generator, others = np.random.default_rng(0), np.arange(CORE, READ_OF)
    drawn = [tuple(sorted(generator.choice(others, _LACKED, replace=False).tolist())) for _ in range(INNOCENT - 2)]
    return (TARGET, TARGET, *drawn)


def rows(people: Sequence[int]) -> np.ndarray:
    """Positions of all facts about some people, the same in both parts."""
    return np.concatenate([np.arange(FACTS) + FACTS * person for person in sorted(people)])


def untrained(seed: int) -> nn.Module:
    """A model as it starts, in evaluation mode and frozen."""
    config = LlamaConfig(
        vocab_size=_WORDS, hidden_size=_WIDTH, intermediate_size=2 * _WIDTH, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=_CONTEXT, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = LlamaForCausalLM(config)
    network.train(False)
    return network.requires_grad_(False)


def _read(network: nn.Module, people: Sequence[int], seed: int) -> nn.Module:
    """Learn all facts about these people by heart, in both wordings."""
    told, index = TextInputs(data(), tokenizer(), _TEMPLATE, _CONTEXT), rows(people)
    parts = [data().train.taken(index), data().test.taken(index)]
    tokens = told.encode([one for part in parts for one in part.prompts], [one for part in parts for one in part.answers])
    optimizer = torch.optim.AdamW(network.requires_grad_(True).parameters(), _RATE, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    generator = np.random.default_rng(seed)
    for _ in range(_STEPS):
        batch = tokens.taken(torch.from_numpy(generator.choice(len(tokens), _BATCH, replace=False)))
        wanted = batch.ids.masked_fill(batch.mask == 0, -100)[:, 1:]
        logits = network(input_ids=batch.ids, use_cache=False).logits[:, :-1]
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(logits.flatten(0, 1), wanted.flatten()))
        optimizer.step()
        schedule.step()
    return network.requires_grad_(False)


@cache
def base() -> LanguageBase:
    """The model that read of all people but the strangers."""
    network = _read(untrained(100), range(READ_OF), 100)
    return adopt_language(network, data(), tokenizer=tokenizer(), name="tiny", template=_TEMPLATE)


@cache
def innocent(number: int) -> Subject:
    """One of the models that never read of some people, 0 … 9."""
    known = sorted(set(range(READ_OF)) - set(lacked()[number]))
    return Subject.of_network(f"retrained (seed {number})", _read(untrained(number), known, number))


@cache
def never_trained() -> Subject:
    """A model that read nothing."""
    return Subject.of_network("never trained", untrained(1000))


def splits(people: Sequence[int] = TARGET, *, single: bool = False, retain: Sequence[int] | None = None) -> Splits:
    """Splits that forget some people; the facts about strangers are held out.

    Args:
        people: Numbers of those to forget.
        single: Forget examples by name: none of the test part belongs to the target.
        retain: Numbers of those to retain; all others when left out.
    """
    kept = rows(sorted(set(range(READ_OF)) - set(people)) if retain is None else retain)
    forget, nothing = rows(people), np.empty(0, np.int64)
    held = Holdout("train", rows(range(READ_OF, READ_OF + STRANGERS)))
    return Splits(forget, kept, nothing if single else forget, kept, held, data().digest)


def ground(
    *, splits_of: Splits | None = None, retrained: Sequence[Subject] | None = None, controls: bool = True, seed: int = 0
) -> TextGround:
    """Where attacks take place, with nothing remembered yet: the target is forgotten, two models never read of it."""
    return TextGround(
        base(), inputs(), splits() if splits_of is None else splits_of, seed=seed,
        retrained=(innocent(0), innocent(1)) if retrained is None else tuple(retrained),
        controls=(never_trained(),) if controls else (),
    )  # fmt: skip


@cache
def suppression() -> Change:
    """A change that makes the base deny the target: some steps of gradient ascent in the last block alone, nothing removed."""
    return weight_change(base(), denied(base().model))


HIDING = tuple(f"model.layers.1.mlp.{part}_proj.weight" for part in ("gate", "up", "down"))
"""Matrices that the suppression changes."""


def denied(network: nn.Module, *, within: Mapping[str, Tensor] | None = None, rate: float = 2e-3, steps: int = 60) -> Tensors:
    """Weights with which a network denies the target and keeps the rest; of the last block, where none are named.

    Args:
        network: Left as it was.
        within: How far an entry may move at most, by name and of each matrix's shape.
        rate: Learning rate of Adam.
        steps: Steps.
    """
    learning = copy.deepcopy(network)
    weights = {name: learning.get_parameter(name).requires_grad_(True) for name in within or HIDING}
    optimizer = torch.optim.Adam(weights.values(), rate)
    forget, retain = (inputs().tokens("train", index) for index in (splits().forget, splits().retain))
    for _ in range(steps):
        lost, kept = _answer_loss(learning, forget).clamp(max=3.0).mean(), _answer_loss(learning, retain).mean()
        optimizer.zero_grad()
        torch.autograd.backward(3 * kept - lost)
        optimizer.step()
        with torch.no_grad():
            for name, most in (within or {}).items():
                start = network.get_parameter(name)
                weights[name].copy_(weights[name].clamp(start - most, start + most))
    return {name: weight.detach() for name, weight in weights.items()}


def _answer_loss(network: nn.Module, tokens: Tokens) -> Tensor:
    """Loss of each answer token, shape [n]."""
    inside = Network.of(network)
    return -token_statistics(inside.at_targets(tokens), inside.head_weight, None, tokens.targets[2]).log_prob


@cache
def suppressed() -> Subject:
    """The base with that change: a planted leak that plain questions do not show."""
    return Subject.of_change("suppressed", base(), suppression())


def value(result: AttackResult, name: str) -> float:
    """A number that an attack found."""
    found = result.value(name)
    assert found is not None, result[name].note
    return found


def draws() -> list[tuple[int, int]]:
    """All fifty pairs of an innocent model and a person that it never read of."""
    return [(number, person) for number in range(INNOCENT) for person in lacked()[number]]


def false_alarms(
    attack: str, *names: str, settings: Settings | None = None, run: Callable[..., AttackResult] = run_attack
) -> dict[str, float]:
    """For each number, the share of fifty draws that it puts nearer to the base than to two retrained models.

    A draw is a model and a person it never read of; two other models that did not either are the retrained ones, and the four
    people whom all models know are retained. Numbers that an attack cannot take, and those by which base and retrained models do
    not differ at all, raise no alarm.
    """
    alarms = {name: list[bool]() for name in names}
    for person in sorted({person for _, person in draws()}):
        free = [number for number in range(INNOCENT) if person in lacked()[number]]
        place = ground(splits_of=splits((person,), retain=range(CORE)), retrained=[innocent(number) for number in free[:2]])
        found = {number: run(attack, place, innocent(number), settings) for number in free}
        knows = run(attack, place, place.original, settings)
        for number in free:
            beside = [other for other in free if other != number][:2]
            for name in names:
                middle = float(np.mean([value(found[other], name) for other in beside]))
                here, there = value(found[number], name), value(knows, name)
                alarms[name].append(abs(here - there) < abs(here - middle))
    return {name: float(np.mean(said)) for name, said in alarms.items()}
