"""An image classifier and its data on the bench: what `Bench` does, by logits of remembered activations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.changes import AdapterChange, Change, compose
from lorasteer.evaluation import Context, Outputs, Spread, evaluate, verdict
from lorasteer.evaluation.audit.difficulty import difficulty_of
from lorasteer.methods import METHODS
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Evaluation, Plan
from lorasteer.records.difficulty import Difficulty
from lorasteer.session.answers import Question, key_of
from lorasteer.session.bench import Bench
from lorasteer.session.goal import Distance, Goal
from lorasteer.session.goal import Part as GoalPart
from lorasteer.session.image_goal import ACCURACIES, divergence
from lorasteer.session.image_shifts import image_shifts
from lorasteer.session.judging import judge
from lorasteer.session.round import Round as Round
from lorasteer.session.shifts import Shifts, Side
from lorasteer.steer.intensity import reaching
from lorasteer.steer.translate import Translation
from lorasteer.tasks.activations import Inputs, Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.material import Material
from lorasteer.tasks.modules import classifier_head, resolve_layers
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import Observer
from lorasteer.tasks.vision.classifier import holdout_for, inputs_for, load_base, train_classifier
from lorasteer.tasks.vision.data import ImageData

QUESTIONS = 4  # requests whose examples are held ready to be asked about
_FIRST_RETRAIN_SEED = 1000


@dataclass
class Workbench(Bench[ImageData, Outputs]):
    """An image classifier and its data, ready for requests.

    Args:
        base: The frozen model.
        data: The data set it was trained on.
        cache: Folder for activations and retrained models; None keeps activations in memory and retrained models nowhere.
        memory_budget: Bytes of activations per part to hold in memory when there is no cache folder.
        suite: Which measurements are taken.
    """

    task = "vision"
    usual_layers = "the classifier head"
    _memory: Memory = field(init=False)
    _questions: dict[str, Question] = field(init=False, default_factory=dict)
    _said: dict[tuple[str, str], Outputs] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        inputs = inputs_for(self.base, self.data)
        folder = self.cache / "activations" if self.cache else None
        self._memory = Memory(self.base, inputs, folder, self.memory_budget)
        self._holdout = holdout_for(self.base.record, self.data)

    def difficulty(self, translation: Translation, *, seed: int = 0) -> Difficulty:
        """How hard the request will be, before it is run: a label and its evidence, in seconds."""
        return difficulty_of(self.material(translation.splits), seed=seed)

    @property
    def inputs(self) -> Inputs:
        """The examples as the base reads them."""
        return self._memory.inputs

    def material(self, splits: Splits, beneath: Sequence[Change] = ()) -> Material:
        """What methods work on.

        Args:
            splits: Examples to forget and to retain.
            beneath: Changes that are in force and stay as they are, for a training on top of them.
        """

        def retrain(seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
            return self.retrain(splits, seed=seed, observers=observers)

        material = Material(self.base, self._memory.inputs, splits, self._memory, retrain)
        if not beneath:
            return material
        change = compose(self.base, beneath)
        return replace(material, ground=Base(self.base.record, change.merged(self.base)), altered=change.layers)

    def _train(self, splits: Splits, seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
        record = self.base.record
        assert record.fit is not None
        return train_classifier(
            self.data, record.model, record.fit, seed=seed, options=record.options, without=splits, observers=observers,
            validation_share=record.validation_share, checkpoint=checkpoint,
        )  # fmt: skip

    def load(self, folder: Path) -> Base:
        """Read an image classifier that `save_base` wrote."""
        return load_base(folder)

    def _adapted(self, settings: AdapterSettings) -> Sequence[str]:
        return resolve_layers(self.base.model, settings.layers)

    def _evaluated(self, outputs: Outputs, known: Sequence[Outputs]) -> Evaluation:
        return evaluate(Context(outputs, known[0], tuple(known[1:])), self.suite)

    def _remarks(
        self, now: Evaluation, translation: Translation, retrained: Evaluation | None, floor: dict[str, Spread]
    ) -> tuple[str, ...]:
        return verdict(now, aim=translation.plan.aim, retrained=retrained, floor=floor or None)

    def known(self, translation: Translation, retrained: Sequence[Base] = ()) -> list[Outputs]:
        """What the base, then each retrained model says; asked once for the same question."""
        others = [
            self._outputs_of_model(model, f"retrained (seed {model.record.seed})", translation, seconds=model.record.seconds)
            for model in retrained
        ]
        return [self._outputs_of_model(self.base, "base", translation, seconds=None), *others]

    def outputs(self, change: Change, translation: Translation, *, strength: float | None = None) -> Outputs:
        """What the model with the change in force says about the splits, from remembered activations where possible."""
        record = change.record
        timed = record.training
        subject = record.plan.method if record.plan else record.kind
        strength = record.strength if strength is None else strength
        model = hashlib.sha256(f"{self.base.digest} {record.tensors} {strength}".encode()).hexdigest()
        return self._question(translation).outputs(
            self.applied(change, strength), change.layers, subject=subject, model=model,
            adapter=record.tensors if isinstance(change, AdapterChange) and strength else "",
            seconds=timed.seconds, prefix_seconds=timed.prefix_seconds, trainable=record.trainable,
        )  # fmt: skip

    def glance(
        self, index: Index, change: Change | None = None, *, part: Part = "train", strength: float | None = None
    ) -> Glance:
        """What the base, or a change in force, answers to some examples, and the features that its last layer reads.

        Args:
            index: Positions, shape [n], at least one.
            change: A change; None for the base.
            part: Part of the data.
            strength: Strength of the change; its own when left out.
        """
        if change is None:
            model, layers = self.base.model, classifier_head(self.base.model)
        else:
            model, layers = self.applied(change, change.record.strength if strength is None else strength), change.layers
        return self.material(self._unasked()).glance(model, part, index, layers=layers)

    def _unasked(self) -> Splits:
        """Splits before any request: nothing is forgotten."""
        nothing, everything = np.empty(0, np.int64), np.arange(len(self.data.train))
        return Splits(nothing, everything, nothing, np.arange(len(self.data.test)), self._holdout, self.data.digest)

    def _question(self, translation: Translation) -> Question:
        """The examples of a request, gathered once; the latest few requests are remembered."""
        key = key_of(translation)
        if key not in self._questions:
            self._questions = dict(list(self._questions.items())[1 - QUESTIONS :])
            self._questions[key] = Question(self.material(translation.splits), translation, self.memory_budget)
        return self._questions[key]

    def shifts(self, base: Side, before: Side, after: Side, plan: Plan, translation: Translation) -> Shifts:
        """Accuracy of every class, the answers that moved most, and what the plan missed."""
        return image_shifts(base, before, after, plan, self.data, translation.splits)

    def right(self, change: Change | None, part: Part, index: Index) -> Tensor:
        """Whether a model is right on some examples, 0 or 1."""
        model = self.base.model if change is None else self.applied(change, change.record.strength)
        layers = classifier_head(self.base.model) if change is None else change.layers
        said = self.material(self._unasked()).logits(model, part, index, layers=layers)
        return (said.argmax(-1) == self.inputs.labels(part, index)).double()

    def left(self, outputs: Outputs) -> float:
        """Share of right answers on the forget set, each example with its direction weight."""
        right = outputs.forget.correct.double()
        weights = torch.ones_like(right) if outputs.selected is None else outputs.selected.double()
        total = float(weights.sum())
        return float((weights * right).sum()) / total if total else 0.0

    def judge(self, goal: Goal, outputs: Outputs, known: Sequence[Outputs]) -> tuple[GoalPart, ...]:
        """The parts of a goal, as accuracies."""
        return judge(goal, Context(outputs, known[0], tuple(known[1:])), ACCURACIES)

    def distance(self, outputs: Outputs, known: Sequence[Outputs]) -> Distance:
        """How far the answers diverge from the retrained model's on the forget set, or from the base's on retained examples."""
        return divergence(Context(outputs, known[0], tuple(known[1:])))

    def intensity_for(self, goal: Goal, base: Outputs) -> float:
        """The least intensity that promises to leave no more accuracy than the goal allows."""
        return reaching(goal.forget_at_most)

    def _outputs_of_model(self, model: Base, subject: str, translation: Translation, *, seconds: float | None) -> Outputs:
        key = (model.digest, key_of(translation))
        if key not in self._said:
            is_base = model.digest == self.base.digest
            memory = self._memory if is_base else Memory(model, self._memory.inputs)
            layers = classifier_head(model.model) if is_base else ()
            material = Material(model, memory.inputs, translation.splits, memory, self.material(translation.splits).retrain)
            self._said[key] = Question(material, translation).outputs(
                model.model, layers, subject=subject, model=model.digest, seconds=seconds,
                trainable=None if is_base else sum(p.numel() for p in model.model.parameters()),
            )  # fmt: skip
        return self._said[key]

    def _features(self, part: Part, index: Index) -> NDArray[np.float32]:
        """Features of the base: what its last layer reads."""
        rows: list[Tensor] = self._memory.before(classifier_head(self.base.model)[-1:]).rows(part, index)
        return np.asarray(torch.cat([row.flatten(1) for row in rows], 1).numpy())


def retrain_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Seeds for retrained models of a request: none of them is the base's own."""
    return tuple(_FIRST_RETRAIN_SEED + 10 * seed + number for number in range(count))


def methods_for(task: str = "vision") -> list[str]:
    """Names of the methods that work on a modality."""
    return METHODS.names(tasks=task)
