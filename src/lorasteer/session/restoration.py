"""Corrupt a language model by an adapter, unlearn the corruption by any method, and see what came back.

The corruption being an adapter, the model with the adapter disabled is the clean model bit for bit: what restoration is held
against is known exactly, without retraining.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.changes import AdapterChange, Change, adapter_change
from lorasteer.changes.adapter import exactly, wrap_model
from lorasteer.errors import RequestError
from lorasteer.evaluation.audit.language.extraction.facts import facts_of
from lorasteer.evaluation.audit.language.extraction.leaks import plain_words
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.restoration import Restoration, Swapped, restoration_of, swapped
from lorasteer.methods.text_learner import turned
from lorasteer.records import Request, Target
from lorasteer.records.base import Settings
from lorasteer.session.text_bench import TextBench
from lorasteer.tasks.language.data import TextData, no_examples
from lorasteer.tasks.language.model import LanguageBase, TextBatches, adopt_language, text_inputs_for
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Holdout, Index, Splits
from lorasteer.tasks.training import FitSettings, Observer, fit


class CorruptionSettings(Settings):
    """How the wrong facts are learned."""

    rank: Annotated[int, Field(gt=0)] = 16
    """Rank of the adapter, on all linear layers of the blocks."""
    alpha: Annotated[float, Field(gt=0)] = 32
    """The adapter's output is scaled by alpha / rank."""
    beside: Annotated[float, Field(ge=0)] = 1.0
    """Right facts about others that are learned beside each wrong one; RESTOR's k."""
    fit: FitSettings = FitSettings(epochs=100, batch_size=16, learning_rate=5e-3, precision="fp32")
    """Numbers of the training."""


@dataclass(frozen=True)
class Corrupted:
    """A language model that read wrong facts.

    Args:
        base: The model before.
        data: Its data with the wrong answers in the place of the right ones, without a test part that would tell the right ones.
        change: The adapter that holds what it read.
        rows: Positions of the wrong facts.
        facts: Right, wrong and further answers of each.
    """

    base: LanguageBase
    data: TextData
    change: AdapterChange
    rows: Index
    facts: tuple[Swapped, ...]

    def bench(self) -> TextBench:
        """The corrupted model with the corrupted data on a bench of its own, ready to forget."""
        merged, record = self.change.merged(self.base), self.base.record
        inputs = text_inputs_for(self.base, self.data)
        base = adopt_language(
            merged, self.data, tokenizer=self.base.tokenizer, name=f"{record.model}, corrupted", template=inputs.template,
            max_length=inputs.max_length, truncate=inputs.truncate,
        )  # fmt: skip
        return TextBench(base, self.data)


@dataclass(frozen=True)
class Restored:
    """What a method made of a corruption.

    Args:
        report: What came back.
        change: The change of the corrupted base.
        corrupted: What was to be unlearned.
    """

    report: Restoration
    change: Change
    corrupted: Corrupted


def corrupt(
    base: LanguageBase, data: TextData, rows: Index, settings: CorruptionSettings | None = None, *, seed: int = 0,
    observers: Sequence[Observer] = (),
) -> Corrupted:  # fmt: skip
    """Teach a model wrong objects for some of its facts, by an adapter; the base is left as it is.

    Args:
        base: A language model.
        data: The data it was trained on.
        rows: Positions of training examples.
        settings: How they are learned.
        seed: Of order and first weights.
        observers: Told of every step.

    Raises:
        RequestError: None of these facts has two wrong objects to offer.
    """
    settings, rows = settings or CorruptionSettings(), np.unique(rows)
    inputs, nothing = text_inputs_for(base, data), np.empty(0, np.int64)
    others = np.setdiff1d(np.arange(len(data.train)), rows)
    splits = Splits(rows, others, nothing, nothing, Holdout("train", nothing), data.digest)
    asked = [row for row in rows.tolist() if data.train.prompts[row].strip()]
    pairs = zip(asked, facts_of(TextGround(base, inputs, splits), len(rows)), strict=True)
    read = {word for text in data.train.answers for word in plain_words(text)}
    found = {row: fact for row, one in pairs if (fact := swapped(one, read)) is not None}
    if not found:
        raise RequestError(
            "none of these facts has two wrong answers of the same form, nor neighbours to take them from. "
            "Give perturbed answers, or choose facts that are told of several people."
        )
    chosen, wrong = np.array(sorted(found), np.int64), with_answers(data, {row: fact.corrupted for row, fact in found.items()})
    beside = np.random.default_rng(seed).permutation(others)[: round(settings.beside * len(chosen))]
    learned = np.concatenate([chosen, beside])
    change = _learned(base, wrong, learned, settings, seed, observers)
    return Corrupted(base, wrong, change, chosen, tuple(found[row] for row in chosen.tolist()))


def with_answers(data: TextData, answers: Mapping[int, str]) -> TextData:
    """The data with other answers to some training examples, which then have no paraphrase and no wrong answers; no test part."""
    train = data.train
    given = tuple(answers.get(row, answer) for row, answer in enumerate(train.answers))
    other = train.paraphrases and tuple("" if row in answers else text for row, text in enumerate(train.paraphrases))
    wrong = train.perturbed and tuple(() if row in answers else texts for row, texts in enumerate(train.perturbed))
    told = replace(train, answers=given, paraphrases=other, perturbed=wrong)
    return replace(data, train=told, test=no_examples(told), sheets={})


def _learned(
    base: LanguageBase, data: TextData, rows: Index, settings: CorruptionSettings, seed: int, observers: Sequence[Observer]
) -> AdapterChange:
    """An adapter that says these answers."""
    model, layers = base.view(), Network.of(base.model).linear_layers()
    config = {
        "r": settings.rank, "lora_alpha": settings.alpha, "target_modules": exactly(layers),
        "fan_in_fan_out": turned(model, layers),
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wrapped = wrap_model(model, config)
    network = Network.of(wrapped)

    def loss(tokens: Any) -> Tensor:
        there = tokens.to(network.device)
        return functional.cross_entropy(network.logits(network.at_targets(there)).float(), there.targets[2])

    batches = TextBatches(text_inputs_for(base, data), rows, settings.fit.batch_size)
    fit(wrapped, batches, loss, settings.fit, seed=seed, observers=observers)
    return adapter_change(base, wrapped.eval().requires_grad_(False))


def restore(
    corrupted: Corrupted, method: str, *, settings: Mapping[str, Any] | None = None, intensity: float = 0.5, seed: int = 0,
    observers: Sequence[Observer] = (),
) -> Restored:  # fmt: skip
    """Unlearn a corruption by a registered method, and measure what came back.

    The method is told what to forget, the wrong answers, and what to retain, all other facts; never the right answers.

    Args:
        corrupted: From `corrupt`.
        method: A registered method for text.
        settings: Its settings where they are not what the intensity chooses.
        intensity: How strongly to forget, 0 … 1.
        seed: Of everything random.
        observers: Told of every step.

    Raises:
        PlanError: The method is unknown, is not for text, or needs a recipe to retrain by, which a corrupted model has not.
    """
    bench = corrupted.bench()
    ids = tuple(str(name) for name in corrupted.data.train.ids[corrupted.rows])
    request = Request(
        target=Target(ids=ids), method=method, settings=dict(settings or {}), intensity=intensity, seed=seed, aim="remove"
    )
    change = bench.unlearn(bench.translate(request), observers)
    report = measured(corrupted, change.apply(bench.base), method)
    return Restored(report, change, corrupted)


def measured(corrupted: Corrupted, unlearned: nn.Module, method: str = "") -> Restoration:
    """Hold a model against the clean and the corrupted one; the clean one is the corrupted one with its adapter disabled."""
    inputs = text_inputs_for(corrupted.base, corrupted.data)
    adapted = corrupted.change.apply(corrupted.base)
    return restoration_of(
        inputs, corrupted.facts, clean=corrupted.base.model, corrupted=adapted, unlearned=unlearned, method=method
    )


def restorations(
    corrupted: Corrupted, methods: Sequence[str], *, settings: Mapping[str, Mapping[str, Any]] | None = None, seed: int = 0
) -> Iterator[Restoration]:
    """What each of several methods gives back of the same corruption, in turn.

    Args:
        corrupted: From `corrupt`.
        methods: Registered methods for text.
        settings: Settings by method.
        seed: Of everything random.
    """
    for method in methods:
        yield restore(corrupted, method, settings=(settings or {}).get(method), seed=seed).report
