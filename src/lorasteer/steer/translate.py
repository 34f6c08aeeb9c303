"""From a request to a plan: the only way by which an intent reaches a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from lorasteer.errors import PlanError, choices
from lorasteer.records import Calibration, Plan, Request, Settings, Target, TargetKind, first_problem
from lorasteer.registry import Entry, Registry
from lorasteer.steer import intensity, text_intensity
from lorasteer.steer.direction import Features, Weighing, Weights, weigh
from lorasteer.steer.target import Chosen, choose
from lorasteer.tasks.data import Data
from lorasteer.tasks.splits import Holdout, Splits, make_splits

Values = dict[str, Any]


@dataclass(frozen=True)
class Translation:
    """A request made ready for work.

    Args:
        splits: Which examples are forgotten, retained, held out.
        plan: What the method is told.
        wording: Target and direction in words, for tables and reports.
        weighing: What the direction made of the forget set; None without a direction.
    """

    splits: Splits
    plan: Plan
    wording: str
    weighing: Weighing | None = None

    @property
    def test_weights(self) -> Weights | None:
        """Weight of each forget_test example, shape [forget_test]; None without a direction, or where it has no meaning there."""
        return None if self.weighing is None else self.weighing.test


class _Scale(NamedTuple):
    """What an intensity means for one kind of material: the settings it governs, and the share of forgetting it promises."""

    governed: Callable[[float, Mapping[str, Any], Set[str]], Mapping[str, Any]]
    promised: Callable[[float], float] | None = None


_SCALES = {
    "vision": _Scale(intensity.settings_for, intensity.promised),
    "language": _Scale(text_intensity.settings_for),  # what text leaves is a probability, which no strength is dialled by
}


@dataclass(frozen=True)
class _Tool:
    """A method as it works on one kind of material."""

    entry: Entry[Any]
    task: str

    @property
    def name(self) -> str:
        return self.entry.name

    @cached_property
    def kind(self) -> type[Settings]:
        """The class of its settings."""
        from lorasteer.methods.contract import kind_for  # brings torch, as the registry does

        return kind_for(self.entry.factory, self.task)

    def governed(self, amount: float) -> Values:
        """The settings that an intensity governs."""
        defaults = {name: field.default for name, field in self.kind.model_fields.items()}
        return {**self.scale.governed(amount, defaults, self.entry["needs"])}

    @property
    def scale(self) -> _Scale:
        """What an intensity means for it."""
        return _SCALES[self.task]

    def promise(self, request: Request) -> float | None:
        """Share of the base's forget accuracy that a calibrated request leaves; None where none is promised."""
        promised = self.scale.promised if request.calibrated and request.intensity > 0 and _aim(request) == "remove" else None
        return None if promised is None else promised(request.intensity)


@dataclass(frozen=True)
class _Situation:
    """What a method's needs are checked against."""

    request: Request
    data: Data
    splits: Splits
    settings: Values


@dataclass(frozen=True)
class _Need:
    """A thing a method cannot work without: when it is there, and how to give it."""

    met: Callable[[_Situation], bool]
    missing: str


_NEEDS = {
    "labels": _Need(
        lambda now: bool(now.data.written) or "class" in now.data.columns("train"), "class labels, and this data has none"
    ),
    "retain": _Need(lambda now: now.settings.get("retain") != 0, "retain examples, and the setting retain is 0"),
    "class-target": _Need(
        lambda now: now.request.direction is None and _whole_classes(now),
        "whole classes as target, without a direction",
    ),
}


def translate(
    request: Request,
    data: Data,
    holdout: Holdout,
    *,
    features: Features | None = None,
    methods: Registry[Any] | None = None,
    task: str = "vision",
    calibration: Calibration | None = None,
) -> Translation:
    """Translate what a person asks for into what a method does.

    Args:
        request: Target, intensity, direction, and what the person wishes to set by hand.
        data: Data set the base model was trained on.
        holdout: Examples the base model was not trained on.
        features: Features of the base model, `features(part, positions)` -> [n, d]; for directions from example ids.
        methods: Registered methods; the built-in and installed ones when left out.
        task: Kind of material, which the method must be made for.
        calibration: What earlier runs on this base achieved; it counts where the request is calibrated.

    Returns:
        Splits and plan; the same request on the same data gives the same plan.

    Raises:
        RequestError: The target or direction cannot be understood, or selects nothing usable.
        PlanError: The method or one of its settings is unknown or out of range, or a need of the method is not met.
    """
    registry = _registered() if methods is None else methods
    entry = registry[request.method]
    _check_task(entry, registry, task)
    chosen = choose(request.target, data, request.seed, holdout=holdout)
    splits = make_splits(chosen.train, chosen.test, holdout, data=data.digest, wording=chosen.wording)
    tool = _Tool(entry, task)
    table = _on_table(request, tool, calibration)
    settings = _settings(table, tool)
    _check_needs(entry, registry, _Situation(request, data, splits, settings))
    weighing = None if request.direction is None else weigh(request.direction, data, splits, features)
    plan = Plan(
        method=entry.name,
        settings=settings,
        splits=splits.digest,
        weights=None if weighing is None else tuple(weighing.weights.tolist()),
        aim=_aim(request),
        strength=0.0 if request.intensity == 0 else 1.0,
        dial_to=tool.promise(request),
        seed=request.seed,
        because=(*_reasons(table, tool, chosen, splits, weighing), *_calibrated(request, table, tool, calibration)),
    )
    wording = chosen.wording if weighing is None else f"{chosen.wording}, along {weighing.wording}"
    return Translation(splits, plan, wording, weighing)


def kind_of(request: Request) -> TargetKind:
    """What kind of target a request names, for its calibration."""
    if request.direction is not None or request.target.where or request.target.keyword:
        return "inside"
    return "class" if request.target.classes else "samples"


def _on_table(request: Request, tool: _Tool, calibration: Calibration | None) -> Request:
    """The request with an intensity of the table that achieved what its own promises."""
    promise = tool.promise(request)
    curve = calibration.curve(kind_of(request), tool.name) if calibration and promise is not None else None
    if curve is None or promise is None:
        return request
    return request.model_copy(update={"intensity": curve.intensity_for(promise, near=request.intensity)})


def _calibrated(request: Request, table: Request, tool: _Tool, calibration: Calibration | None) -> tuple[str, ...]:
    if not request.calibrated:
        return ()
    if tool.scale.promised is None:
        return (f"Not calibrated: for {tool.task} an intensity is a band to stop in, which needs no calibration.",)
    promise = tool.promise(request)
    if promise is None:
        return ("Not calibrated: intensity promises a share of forgetting only above 0 and with the aim remove.",)
    curve = calibration.curve(kind_of(request), tool.name) if calibration else None
    words = f"Calibrated: intensity {request.intensity:g} promises to leave {100 * promise:g} %"
    learned = "nothing was measured on this base yet"
    if curve is not None:
        count = f"rounds measured on this base: {curve.points}"
        learned = f"of the table, intensity {table.intensity:g} is enough for that ({count})"
    return (f"{words}; {learned}. The strength is chosen on the forget set.",)


def _registered() -> Registry[Any]:
    # methods bring torch with them, which naming a target or printing the table does not need
    from lorasteer.methods import METHODS

    return METHODS


def _check_task(entry: Entry[Any], registry: Registry[Any], task: str) -> None:
    if task not in entry["tasks"]:
        made_for = ", ".join(sorted(entry["tasks"]))
        raise PlanError(f"method {entry.name!r} is made for {made_for}, not for {task}. {_instead(registry.names(tasks=task))}")


def _check_needs(entry: Entry[Any], registry: Registry[Any], now: _Situation) -> None:
    unknown = _Need(lambda _: False, "something a request cannot give")
    for name in sorted(entry["needs"]):
        need = _NEEDS.get(name, unknown)
        if not need.met(now):
            free = [other.name for other in registry if entry["tasks"] & other["tasks"] and name not in other["needs"]]
            raise PlanError(f"method {entry.name!r} needs {name!r}: {need.missing}. {_instead(free)}")


def _instead(names: list[str]) -> str:
    return f"Methods that fit: {', '.join(names)}." if names else "No registered method fits."


def _whole_classes(now: _Situation) -> bool:
    labels = now.data.columns("train").get("class")
    return labels is not None and not np.isin(labels[now.splits.retain], labels[now.splits.forget]).any()


def _settings(request: Request, tool: _Tool) -> Values:
    known = tool.kind.model_fields
    for name in request.settings:
        if name not in known:
            raise PlanError(f"method {tool.name!r} has no setting {name!r}. {choices(name, known)}")
    values = {**tool.governed(request.intensity), **request.settings}
    if (
        isinstance(values.get("rank"), int) and "alpha" in known
    ):  # PEFT scales by alpha / rank: kept at 2, rank alone changes no step size
        values = {"alpha": 2 * values["rank"], **values}
    try:
        # all values, not only the chosen ones: a later version with other defaults repeats the plan all the same
        settings: Values = tool.kind.model_validate(values).model_dump()
    except ValidationError as error:
        raise PlanError(f"method {tool.name!r}: {first_problem(error)}. Correct this setting.") from error
    return settings


def _by_criterion(target: Target) -> bool:
    return bool(target.classes or target.where or target.keyword)


def _aim(request: Request) -> Any:
    if request.aim != "auto":
        return request.aim
    return "remove" if _by_criterion(request.target) else "match-unseen"


def _reasons(request: Request, tool: _Tool, chosen: Chosen, splits: Splits, weighing: Weighing | None) -> list[str]:
    sizes = splits.sizes()
    reasons = [
        f"Target {chosen.wording}: {sizes['forget']} training and {sizes['forget_test']} test examples; "
        f"{sizes['retain']} training examples are retained.",
        *_held_out(chosen, splits),
        _aim_reason(request),
        _intensity_reason(request, tool),
    ]
    if request.settings:
        reasons.append(f"Set by hand: {_listed(request.settings)}.")
    if weighing is not None:
        worth = f"worth {weighing.effective_size:.1f} of {len(weighing.weights)} examples"
        test = "" if weighing.test is not None else "; the test half cannot be weighed, it lacks the attribute"
        reasons.append(f"Direction {weighing.wording}: {worth}{test}.")
    return reasons


def _held_out(chosen: Chosen, splits: Splits) -> list[str]:
    missing = int(chosen.train.sum()) - len(splits.forget)
    return [f"Held out, so never seen by the base and nothing to forget: {missing} of the chosen examples."] if missing else []


def _aim_reason(request: Request) -> str:
    aim = _aim(request)
    if request.aim != "auto":
        return f"Aim {aim}: as asked."
    if aim == "remove":
        return "Aim remove: the target is a criterion that unseen examples meet too, so it shall not be recognised."
    return "Aim match-unseen: the target is single examples, which shall look like examples never trained on."


def _intensity_reason(request: Request, tool: _Tool) -> str:
    if request.intensity == 0:
        return "Intensity 0: strength 0, nothing changes."
    governed = tool.governed(request.intensity).items()
    values = {name: value for name, value in governed if name not in request.settings and value is not None}
    if not values:
        return f"Intensity {request.intensity:g}: no setting of {tool.name} is left to it; the change is applied in full."
    stop = ""
    if "stop_at" in values and _aim(request) == "match-unseen":  # any value stops there
        del values["stop_at"]
        stop = " Training stops where the target does as well as unseen examples."
    return f"Intensity {request.intensity:g}: {_listed(values) or 'no other setting'}.{stop}"


def _listed(values: Values) -> str:
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items())
