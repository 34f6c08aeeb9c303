"""A language model and its text on the bench: what `Bench` does, by answers to one questionnaire."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.changes import Change, compose
from lorasteer.evaluation import Spread
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Questionnaire, Sheet, prepare, probe, sheet_of
from lorasteer.evaluation.language.collect import answer, answered, collect
from lorasteer.evaluation.language.keeping import Kept
from lorasteer.evaluation.language.outputs import TextContext, TextOutputs
from lorasteer.evaluation.language.suites import evaluate_text
from lorasteer.evaluation.language.verdict import text_verdict
from lorasteer.methods.settings import AdapterSettings
from lorasteer.methods.starting import adapted_layers
from lorasteer.records import Evaluation, Plan
from lorasteer.session.bench import Bench
from lorasteer.session.goal import Distance, Goal
from lorasteer.session.goal import Part as GoalPart
from lorasteer.session.judging import judge
from lorasteer.session.shifts import Shifts, Side
from lorasteer.session.text_goal import PROBABILITIES, gap
from lorasteer.session.text_shifts import text_shifts
from lorasteer.steer import text_intensity
from lorasteer.steer.direction import Weights
from lorasteer.steer.translate import Translation
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.language.memory import TextMemory
from lorasteer.tasks.language.model import (
    LanguageBaseRecord,
    load_language_base,
    text_holdout_for,
    text_inputs_for,
    train_language_model,
)
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import Observer

ASKED = 200
"""Examples that `right` and `answer_probability` ask about, at most."""


@dataclass
class TextBench(Bench[TextData, TextOutputs]):
    """A language model and its text, ready for requests.

    Args:
        base: The frozen model.
        data: The data set it was trained on.
        cache: Folder for hidden states, answers and retrained models; None keeps states and answers in memory and retrained
            models nowhere.
        memory_budget: Bytes of states per part to hold in memory when there is no cache folder.
        suite: How much is asked of each model: `quick` or `full`.
    """

    task = "language"
    usual_goal = Goal(forget_at_most=0.1, retain_loss_at_most=0.03)
    _memory: TextMemory = field(init=False)
    _kept: Kept = field(init=False)
    _questionnaires: dict[tuple[str, str], Questionnaire] = field(init=False, default_factory=dict)
    _said: dict[tuple[str, str, str], TextOutputs] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        states, answers = (self.cache / name if self.cache else None for name in ("activations", "answers"))
        self._memory = TextMemory(self.base, text_inputs_for(self.base, self.data), states, self.memory_budget)
        self._kept = Kept(answers)
        self._holdout = text_holdout_for(self.base.record, self.data)

    @property
    def inputs(self) -> TextInputs:
        """The examples as the base reads them."""
        return self._memory.inputs

    def material(self, splits: Splits, beneath: Sequence[Change] = ()) -> TextMaterial:
        """What methods work on.

        Args:
            splits: Examples to forget and to retain.
            beneath: Changes that are in force and stay as they are, for a training on top of them.
        """

        def retrain(seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
            return self.retrain(splits, seed=seed, observers=observers)

        material = TextMaterial(self.base, self.inputs, splits, self._memory, retrain)
        if not beneath:
            return material
        change = compose(self.base, beneath)
        return replace(material, ground=replace(self.base, model=change.merged(self.base)), altered=change.layers)

    def load(self, folder: Path) -> Base:
        """Read a language model that `save_base` wrote."""
        return load_language_base(folder)

    def known(self, translation: Translation, retrained: Sequence[Base] = ()) -> list[TextOutputs]:
        """What the base, then each retrained model says; asked once for the same question."""
        others = [
            self._said_by(model, f"retrained (seed {model.record.seed})", translation, seconds=model.record.seconds)
            for model in retrained
        ]
        return [self._said_by(self.base, "base", translation, seconds=None), *others]

    def _said_by(self, model: Base, subject: str, translation: Translation, *, seconds: float | None) -> TextOutputs:
        questions = self._questionnaire(translation)
        key = (self.suite, model.digest, translation.splits.digest)
        if key not in self._said:
            trainable = None if model is self.base else sum(parameter.numel() for parameter in model.model.parameters())
            self._said[key] = collect(
                model.model, questions, subject=subject, digest=model.digest, sealed=True, kept=self._kept, seconds=seconds,
                trainable=trainable,
            )  # fmt: skip
        return replace(self._said[key], **self._selected(translation, questions))

    def outputs(self, change: Change, translation: Translation, *, strength: float | None = None) -> TextOutputs:
        """What the model with the change in force answers."""
        record, timed = change.record, change.record.training
        strength = record.strength if strength is None else strength
        questions = self._questionnaire(translation)
        return collect(
            self.applied(change, strength), questions, subject=record.plan.method if record.plan else record.kind,
            digest=self._digest(change, strength), sealed=True, kept=self._kept, seconds=timed.seconds,
            prefix_seconds=timed.prefix_seconds, trainable=record.trainable, **self._selected(translation, questions),
        )  # fmt: skip

    def _digest(self, change: Change, strength: float) -> str:
        return hashlib.sha256(f"{self.base.digest} {change.record.tensors} {strength}".encode()).hexdigest()

    def shifts(self, base: Side, before: Side, after: Side, plan: Plan, translation: Translation) -> Shifts:
        """The answers that moved most, as the models write them, and what the plan missed."""
        return text_shifts(base, before, after, plan, self._questionnaire(translation), self._answers)

    def _answers(self, change: Change | None, sheets: Mapping[str, Sheet]) -> dict[str, Answers]:
        if change is None:
            return answered(self.base.model, self.inputs, sheets, self.base.digest, self._kept, sealed=True)
        strength = change.record.strength
        return answered(
            self.applied(change, strength), self.inputs, sheets, self._digest(change, strength), self._kept, sealed=True
        )

    def right(self, change: Change | None, part: Part, index: Index) -> Tensor:
        """Answer probabilities of some examples: of 200 at most, the same ones for every model."""
        examples = self.inputs.examples(part).taken(index)
        sheet = sheet_of(self.inputs, examples.taken(probe(examples.ids.tolist(), ASKED)), candidates=False)
        return self._answers(change, {"asked": sheet})["asked"].probability

    def left(self, outputs: TextOutputs) -> None:
        """None: an intensity is a band to stop in, and the strength is set to it without any calibration."""

    def judge(self, goal: Goal, outputs: TextOutputs, known: Sequence[TextOutputs]) -> tuple[GoalPart, ...]:
        """The parts of a goal, as mean answer probabilities."""
        return judge(goal, TextContext(outputs, known[0], tuple(known[1:])), PROBABILITIES)

    def distance(self, outputs: TextOutputs, known: Sequence[TextOutputs]) -> Distance:
        """How far the answers are from the retrained model's on the forget set, or from the base's on retained examples."""
        return gap(TextContext(outputs, known[0], tuple(known[1:])))

    def intensity_for(self, goal: Goal, base: TextOutputs) -> float:
        """The least intensity whose band begins at or below what the goal allows, as a share of what the base shows."""
        had = float(base.forget.probability.mean()) if len(base.forget) else 1.0
        return text_intensity.reaching(goal.forget_at_most / max(had, goal.forget_at_most, 1e-9))

    def _questionnaire(self, translation: Translation) -> Questionnaire:
        key = (self.suite, translation.splits.digest)
        if key not in self._questionnaires:
            self._questionnaires[key] = prepare(self.inputs, translation.splits, self.suite)
        return self._questionnaires[key]

    def _selected(self, translation: Translation, questions: Questionnaire) -> dict[str, Any]:
        """Direction weights of those examples of either half of the target that are asked about."""
        splits, weighing = translation.splits, translation.weighing
        halves = {
            "selected": ("forget", self.data.train.ids[splits.forget], weighing.weights if weighing else None),
            "selected_test": ("forget_test", self.data.test.ids[splits.forget_test], translation.test_weights),
        }
        return {
            name: None if weights is None else _weights_of(questions.parts[part].examples.ids, ids, weights)
            for name, (part, ids, weights) in halves.items()
        }

    def _evaluated(self, outputs: TextOutputs, known: Sequence[TextOutputs]) -> Evaluation:
        return evaluate_text(TextContext(outputs, known[0], tuple(known[1:])), self.suite)

    def _remarks(
        self, now: Evaluation, translation: Translation, retrained: Evaluation | None, floor: dict[str, Spread]
    ) -> tuple[str, ...]:
        return text_verdict(now, aim=translation.plan.aim, retrained=retrained, floor=floor or None)

    def _features(self, part: Part, index: Index) -> NDArray[np.float32]:
        """Mean hidden state of the base over each example's answer, half-way through its blocks, shape [n, width]."""
        layer = (len(self._memory.network.blocks) - 1) // 2
        states = self._memory.reference(part, index, layer=layer).float().cpu()
        counts = self.inputs.answer_lengths(part)[np.asarray(index, np.int64)]
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return np.asarray(np.add.reduceat(states.numpy(), first) / counts[:, None])

    def _adapted(self, settings: AdapterSettings) -> Sequence[str]:
        return adapted_layers(self.base, settings)

    def _train(self, splits: Splits, seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
        record = self.base.record
        assert isinstance(record, LanguageBaseRecord)
        assert record.fit is not None
        return train_language_model(
            self.data, record.fit, model=record.model, seed=seed, without=splits, observers=observers, checkpoint=checkpoint,
            options=record.options, template=record.template, max_length=record.max_length, truncate=record.truncate,
            validation_share=record.validation_share,
        )  # fmt: skip

    def _recipe(self, splits: Splits, seed: int) -> str:
        record = self.base.record
        assert isinstance(record, LanguageBaseRecord)
        facts = [super()._recipe(splits, seed), record.template.digest, str(record.max_length), str(record.truncate)]
        return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def answer_probability(base: Base, data: TextData, part: Part, *, most: int = ASKED) -> float:
    """Mean answer probability on examples of a part: each the geometric mean of its tokens' probabilities.

    Args:
        base: A language model.
        data: Its text.
        part: Part of it, not empty.
        most: Examples to ask about; the same ones for every model.
    """
    inputs = text_inputs_for(base, data)
    examples = inputs.examples(part)
    sheet = sheet_of(inputs, examples.taken(probe(examples.ids.tolist(), most)), candidates=False)
    return float(answer(Network.of(base.model), inputs, {part: sheet})[part].probability.mean())


def _weights_of(asked: NDArray[np.str_], ids: NDArray[np.str_], weights: Weights) -> Tensor:
    """Weights of the examples that are asked about, by their ids."""
    known = dict(zip(ids.tolist(), weights.tolist(), strict=True))
    return torch.tensor([known[name] for name in asked.tolist()], dtype=torch.float64)
