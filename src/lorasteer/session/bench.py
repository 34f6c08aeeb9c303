"""What a bench does for every kind of material: requests become plans, plans become changes, changes are measured.

The bench keeps what is dear: activations of the frozen part, and the base's and the retrained models' answers. It holds no
state of a dialogue; that is the session's.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from numpy.typing import NDArray
from torch import Tensor, nn

from lorasteer.changes import AdapterChange, Change
from lorasteer.changes.adapter import Dialled
from lorasteer.errors import PlanError
from lorasteer.evaluation import Spread, noise_floor
from lorasteer.methods import Start, settings_of, unlearn
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Calibration, Evaluation, Plan, Request
from lorasteer.session.answers import key_of
from lorasteer.session.goal import Distance, Goal
from lorasteer.session.goal import Part as GoalPart
from lorasteer.session.round import Round, ending
from lorasteer.session.shifts import Shifts, Side
from lorasteer.steer.translate import Translation, translate
from lorasteer.tasks.activations import MEMORY_BUDGET
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.data import Data
from lorasteer.tasks.modules import rank_limit
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, beside
from lorasteer.tasks.training import Observer

CHECKPOINT = "checkpoint.safetensors"

D = TypeVar("D", bound=Data)
O = TypeVar("O")  # noqa: E741 - what models say, of the modality


@dataclass
class Bench(ABC, Generic[D, O]):
    """A base model and its data, ready for requests.

    Args:
        base: The frozen model.
        data: The data set it was trained on.
        cache: Folder for activations and retrained models; None keeps activations in memory and retrained models nowhere.
        memory_budget: Bytes of activations per part to hold in memory when there is no cache folder.
        suite: Which measurements are taken.
    """

    task: ClassVar[str]
    usual_goal: ClassVar[Goal] = Goal()
    """What a search wants where nothing else is said."""
    usual_layers: ClassVar[str] = ""
    """What is adapted where no layers are named, in words; empty where that is everything."""
    base: Base
    data: D
    cache: Path | None = None
    memory_budget: int = MEMORY_BUDGET
    suite: str = "quick"
    _holdout: Holdout = field(init=False)
    _measured: dict[tuple[str, ...], tuple[Evaluation, ...]] = field(init=False, default_factory=dict)
    _dialled: tuple[str, Dialled] | None = field(init=False, default=None)

    @abstractmethod
    def material(self, splits: Splits, beneath: Sequence[Change] = ()) -> Any:
        """What methods work on.

        Args:
            splits: Examples to forget and to retain.
            beneath: Changes that are in force and stay as they are, for a training on top of them.
        """

    @abstractmethod
    def known(self, translation: Translation, retrained: Sequence[Base] = ()) -> list[O]:
        """What the base, then each retrained model says; asked once for the same question."""

    @abstractmethod
    def outputs(self, change: Change, translation: Translation, *, strength: float | None = None) -> O:
        """What the model with the change in force says about the splits."""

    @abstractmethod
    def shifts(self, base: Side, before: Side, after: Side, plan: Plan, translation: Translation) -> Shifts:
        """What only this kind of material can tell of two models: classes, examples that moved most, and what the plan missed.

        Args:
            base: The untouched base.
            before: The model compared with; may be the base.
            after: The model spoken of.
            plan: Its plan.
            translation: What all of them were asked.
        """

    @abstractmethod
    def right(self, change: Change | None, part: Part, index: Index) -> Tensor:
        """How right a model is on some examples, in [0, 1]: of text the probability of the answer, else whether it is right.

        Args:
            change: The change in force; None for the base.
            part: Part of the data.
            index: Positions, shape [n]; of many a sample may be asked.
        """

    @abstractmethod
    def left(self, outputs: O) -> float | None:
        """Share of right answers on the forget set, by which intensities are calibrated; None where they promise none."""

    @abstractmethod
    def judge(self, goal: Goal, outputs: O, known: Sequence[O]) -> tuple[GoalPart, ...]:
        """The parts of a goal measured on a model, beside the base, the first of the known ones, and the retrained models."""

    @abstractmethod
    def distance(self, outputs: O, known: Sequence[O]) -> Distance:
        """How far a model is from what breaks ties between those that reach a goal."""

    @abstractmethod
    def intensity_for(self, goal: Goal, base: O) -> float:
        """The least intensity whose table promises what a goal wants forgotten.

        Args:
            goal: What is wanted.
            base: What the base says.
        """

    @abstractmethod
    def _evaluated(self, outputs: O, known: Sequence[O]) -> Evaluation:
        """Measurements of one model beside the base, the first of the known ones, and the retrained models."""

    @abstractmethod
    def _remarks(
        self, now: Evaluation, translation: Translation, retrained: Evaluation | None, floor: dict[str, Spread]
    ) -> tuple[str, ...]:
        """What a reader of the measurements should not miss."""

    @abstractmethod
    def _features(self, part: Part, index: Index) -> NDArray[Any]:
        """Features of the base for a concept vector, shape [n, d]."""

    @abstractmethod
    def _adapted(self, settings: AdapterSettings) -> Sequence[str]:
        """Modules that these settings adapt."""

    @abstractmethod
    def _train(self, splits: Splits, seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
        """The base's own recipe from the start, without the forget set."""

    @abstractmethod
    def load(self, folder: Path) -> Base:
        """Read a model of this kind that `save_base` wrote.

        Raises:
            StoreError: The folder holds none.
            WeightsError: It is damaged.
        """

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
        translation = translate(
            request, self.data, self._holdout, features=self._features, task=self.task, calibration=calibration
        )
        splits = beside(translation.splits, others)
        plan = translation.plan.model_copy(update={"splits": splits.digest})
        return self._fitted(request, replace(translation, splits=splits, plan=plan))

    def _fitted(self, request: Request, translation: Translation) -> Translation:
        """Lower a rank that intensity chose to what the adapted layers can hold; a rank set by hand is left to be refused."""
        plan = translation.plan
        settings = settings_of(plan.method, dict(plan.settings), task=self.task)
        if not isinstance(settings, AdapterSettings) or "rank" in request.settings:
            return translation
        limit = min(rank_limit(self.base.model.get_submodule(layer)) for layer in self._adapted(settings))
        if settings.rank <= limit:
            return translation
        lowered = {**plan.settings, "rank": limit, "alpha": settings.alpha / settings.rank * limit}
        because = (*plan.because, f"Rank lowered to {limit}, the most the adapted layers can hold.")
        return replace(translation, plan=plan.model_copy(update={"settings": lowered, "because": because}))

    def retrain(self, splits: Splits, *, seed: int, observers: Sequence[Observer] = ()) -> Base:
        """The base's own recipe from the start, without the forget set. With a cache folder it is trained once and kept.

        Raises:
            PlanError: The base was trained elsewhere, so its recipe is not known.
            Interrupted: Ctrl-C was pressed; with a cache folder the next call goes on from the last whole epoch.
        """
        if self.base.record.fit is None:
            raise PlanError(
                "this base was trained elsewhere, so there is no recipe to retrain it by. "
                "Train a base with `lorasteer train`, or compare without a retrained model."
            )
        kept = self.retrained_kept(splits, seed=seed)
        if kept is not None:
            return kept
        folder = self._kept_in(splits, seed)
        base = self._train(splits, seed, observers, folder / CHECKPOINT if folder else None)
        if folder is not None:
            save_base(base, folder)
            (folder / CHECKPOINT).unlink(missing_ok=True)
        return base

    def retrained_kept(self, splits: Splits, *, seed: int) -> Base | None:
        """The retrained model that the cache folder keeps for these splits and this seed; None where it keeps none."""
        folder = self._kept_in(splits, seed)
        return self.load(folder) if folder is not None and (folder / "base.json").is_file() else None

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

    def applied(self, change: Change, strength: float) -> nn.Module:
        """A model with a change in force; the last adapter is kept ready, so that turning its strength builds nothing.

        The next call may turn the strength of the model that this one gave.
        """
        if not isinstance(change, AdapterChange) or not strength:
            return change.apply(self.base, strength=strength)
        if self._dialled is None or self._dialled[0] != change.record.tensors:
            self._dialled = (change.record.tensors, Dialled(change, self.base))
        return self._dialled[1].at(strength)

    def measure(self, request: Request, translation: Translation, change: Change, *, retrained: Sequence[Base] = ()) -> Round:
        """Measure a change beside the base and the retrained models."""
        outputs = self.outputs(change, translation)
        known, now = self.look(translation, retrained=retrained), self.evaluate(outputs, translation, retrained=retrained)
        floor = dict(noise_floor(known[1:])) if len(known) > 2 else {}
        remarks = self._remarks(now, translation, known[1] if retrained else None, floor)
        return Round(request, translation, change, (*known, now), outputs, floor, (*ending(change), *remarks))

    def evaluate(self, outputs: O, translation: Translation, *, retrained: Sequence[Base] = ()) -> Evaluation:
        """Measure outputs alone, compared with the base and the retrained models."""
        return self._evaluated(outputs, self.known(translation, retrained))

    def look(self, translation: Translation, *, retrained: Sequence[Base] = ()) -> tuple[Evaluation, ...]:
        """Measure the base and the retrained models alone, before any change; once for the same question and models."""
        key = (self.suite, key_of(translation), *(model.digest for model in retrained))
        if key not in self._measured:
            known = self.known(translation, retrained)
            self._measured[key] = tuple(self._evaluated(outputs, known) for outputs in known)
        return self._measured[key]
