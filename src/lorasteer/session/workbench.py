"""One base and one data set on the bench: requests become plans, plans become changes, changes are measured.

The bench keeps what is dear: activations of the frozen part, and the base's and the retrained models' answers. It holds no
state of a dialogue; that is the session's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lorasteer.changes import AdapterChange, Change, compose
from lorasteer.changes.adapter import Dialled
from lorasteer.errors import PlanError
from lorasteer.evaluation import Context, Outputs, evaluate, noise_floor, verdict
from lorasteer.evaluation.audit.difficulty import difficulty_of
from lorasteer.methods import METHODS, Start, settings_of, unlearn
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Calibration, Evaluation, Request
from lorasteer.records.difficulty import Difficulty
from lorasteer.session.answers import Question, key_of
from lorasteer.session.round import Round as Round
from lorasteer.session.round import ending
from lorasteer.steer.translate import Translation, translate
from lorasteer.tasks.activations import MEMORY_BUDGET, Inputs, Memory
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.material import Material
from lorasteer.tasks.modules import classifier_head, rank_limit, resolve_layers
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, beside
from lorasteer.tasks.training import Observer
from lorasteer.tasks.vision.classifier import holdout_for, inputs_for, load_base, train_classifier
from lorasteer.tasks.vision.data import ImageData

QUESTIONS = 4  # requests whose examples are held ready to be asked about
_FIRST_RETRAIN_SEED = 1000


@dataclass
class Workbench:
    """A base model and its data, ready for requests.

    Args:
        base: The frozen model.
        data: The data set it was trained on.
        cache: Folder for activations and retrained models; None keeps activations in memory and retrained models nowhere.
        memory_budget: Bytes of activations per part to hold in memory when there is no cache folder.
    """

    base: Base
    data: ImageData
    cache: Path | None = None
    memory_budget: int = MEMORY_BUDGET
    _memory: Memory = field(init=False)
    _holdout: Holdout = field(init=False)
    _questions: dict[str, Question] = field(init=False, default_factory=dict)
    _dialled: tuple[str, Dialled] | None = field(init=False, default=None)
    _said: dict[tuple[str, str], Outputs] = field(init=False, default_factory=dict)
    _measured: dict[tuple[str, ...], tuple[Evaluation, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        inputs = inputs_for(self.base, self.data)
        folder = self.cache / "activations" if self.cache else None
        self._memory = Memory(self.base, inputs, folder, self.memory_budget)
        self._holdout = holdout_for(self.base.record, self.data)

    def translate(
        self, request: Request, *, others: Sequence[Splits] = (), calibration: Calibration | None = None
    ) -> Translation:
        """Splits and plan for a request.

        Args:
            request: What to forget.
            others: Splits of requests that are in force beside it; what they forget is neither forgotten nor retained here.
            calibration: What earlier runs on this base achieved, for a calibrated request.

        Raises:
            RequestError: The target or direction selects nothing usable.
            PlanError: The method or a setting does not fit.
        """
        translation = translate(request, self.data, self._holdout, features=self._features, calibration=calibration)
        splits = beside(translation.splits, others)
        plan = translation.plan.model_copy(update={"splits": splits.digest})
        return self._fitted(request, replace(translation, splits=splits, plan=plan))

    def _fitted(self, request: Request, translation: Translation) -> Translation:
        """Lower a rank that intensity chose to what the adapted layers can hold; a rank set by hand is left to be refused."""
        plan = translation.plan
        settings = settings_of(plan.method, dict(plan.settings))
        if not isinstance(settings, AdapterSettings) or "rank" in request.settings:
            return translation
        layers = resolve_layers(self.base.model, settings.layers)
        limit = min(rank_limit(self.base.model.get_submodule(layer)) for layer in layers)
        if settings.rank <= limit:
            return translation
        lowered = {**plan.settings, "rank": limit, "alpha": settings.alpha / settings.rank * limit}
        because = (*plan.because, f"Rank lowered to {limit}, the most the adapted layers can hold.")
        return replace(translation, plan=plan.model_copy(update={"settings": lowered, "because": because}))

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

    def retrain(self, splits: Splits, *, seed: int, observers: Sequence[Observer] = ()) -> Base:
        """The base's own recipe from the start, without the forget set. With a cache folder it is trained once and kept.

        Raises:
            PlanError: The base was trained elsewhere, so its recipe is not known.
            Interrupted: Ctrl-C was pressed; with a cache folder the next call goes on from the last whole epoch.
        """
        record = self.base.record
        if record.fit is None:
            raise PlanError(
                "this base was trained elsewhere, so there is no recipe to retrain it by. "
                "Train a base with `lorasteer train`, or compare without a retrained model."
            )
        kept = self.retrained_kept(splits, seed=seed)
        if kept is not None:
            return kept
        folder = self._kept_in(splits, seed)
        base = train_classifier(
            self.data, record.model, record.fit, seed=seed, options=record.options, without=splits, observers=observers,
            validation_share=record.validation_share, checkpoint=folder / "checkpoint.safetensors" if folder else None,
        )  # fmt: skip
        if folder is not None:
            save_base(base, folder)
            (folder / "checkpoint.safetensors").unlink(missing_ok=True)
        return base

    def retrained_kept(self, splits: Splits, *, seed: int) -> Base | None:
        """The retrained model that the cache folder keeps for these splits and this seed; None where it keeps none."""
        folder = self._kept_in(splits, seed)
        return load_base(folder) if folder is not None and (folder / "base.json").is_file() else None

    def _kept_in(self, splits: Splits, seed: int) -> Path | None:
        if self.cache is None or self.base.record.fit is None:
            return None
        return self.cache / "retrained" / self._recipe(splits, seed)[:24]

    def _recipe(self, splits: Splits, seed: int) -> str:
        record = self.base.record
        assert record.fit is not None
        parts = [record.model, str(sorted(record.options.items())), record.fit.digest, splits.digest, str(seed)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def run(self, request: Request, *, retrained: Sequence[Base] = (), observers: Sequence[Observer] = ()) -> Round:
        """Translate, unlearn, evaluate: one round.

        Args:
            request: What to forget.
            retrained: Models trained without the forget set, from `retrain`; the first is the reference.
            observers: Told of every training step.
        """
        translation = self.translate(request)
        change = self.unlearn(translation, observers)
        return self.measure(request, translation, change, retrained=retrained)

    def unlearn(
        self, translation: Translation, observers: Sequence[Observer] = (), *, start: Start | None = None,
        beneath: Sequence[Change] = (),
    ) -> Change:  # fmt: skip
        """Carry out a plan, without measuring anything.

        Args:
            translation: The plan with its splits.
            observers: Told of every step; a true answer stops the work and leaves a usable change.
            start: What the training goes on from; None begins at the base.
            beneath: Changes that are in force and stay as they are; the answer does not hold them.
        """
        return unlearn(self.material(translation.splits, beneath), translation.plan, observers, start=start)

    def measure(self, request: Request, translation: Translation, change: Change, *, retrained: Sequence[Base] = ()) -> Round:
        """Measure a change beside the base and the retrained models."""
        outputs = self.outputs(change, translation)
        known, now = self.look(translation, retrained=retrained), self.evaluate(outputs, translation, retrained=retrained)
        floor = dict(noise_floor(known[1:])) if len(known) > 2 else {}
        remarks = verdict(now, aim=translation.plan.aim, retrained=known[1] if retrained else None, floor=floor or None)
        return Round(request, translation, change, (*known, now), outputs, floor, (*ending(change), *remarks))

    def evaluate(self, outputs: Outputs, translation: Translation, *, retrained: Sequence[Base] = ()) -> Evaluation:
        """Measure outputs alone, compared with the base and the retrained models."""
        base, *others = self.known(translation, retrained)
        return evaluate(Context(outputs, base, tuple(others)))

    def look(self, translation: Translation, *, retrained: Sequence[Base] = ()) -> tuple[Evaluation, ...]:
        """Measure the base and the retrained models alone, before any change; once for the same question and models."""
        key = (key_of(translation), *(model.digest for model in retrained))
        if key not in self._measured:
            base, *others = self.known(translation, retrained)
            context = Context(base, base, tuple(others))
            self._measured[key] = tuple(evaluate(context.measuring(outputs)) for outputs in (base, *others))
        return self._measured[key]

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

    def applied(self, change: Change, strength: float) -> nn.Module:
        """A model with a change in force; the last adapter is kept ready, so that turning its strength builds nothing.

        The next call may turn the strength of the model that this one gave.
        """
        if not isinstance(change, AdapterChange) or not strength:
            return change.apply(self.base, strength=strength)
        if self._dialled is None or self._dialled[0] != change.record.tensors:
            self._dialled = (change.record.tensors, Dialled(change, self.base))
        return self._dialled[1].at(strength)

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
