"""What a search may vary of a request, from what the method states of its settings; and which values to try next.

Optuna is asked for one proposal at a time, on a study made anew from what is known. So there is no second memory beside the run's
own iterations: a search that was cut off goes on with what they say, and proposes what it would have proposed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic.fields import FieldInfo

from lorasteer.methods import settings_kind
from lorasteer.records import Iteration, Request

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = bool | int | float | str | tuple[str, ...] | None

TUNED = ("margin", "learning_rate", "retain", "anchor_weight", "spare_weight")
"""Settings that a search varies where a method has them, beside the intensity."""
FACTOR = 4.0
"""How far from its default: down to a quarter, up to four times, within what the setting allows."""
WEAKEST = 0.25
"""The least intensity that is tried."""
STARTUP = 4
"""Observations below which proposals are drawn at random."""
_DIGITS = 3  # significant digits of a proposed number


@dataclass(frozen=True)
class Knob:
    """One thing a search varies.

    Args:
        low: Smallest value.
        high: Largest value.
        whole: Whether only whole numbers are allowed.
        log: Whether steps are factors.
        choices: The values themselves, where they are no numbers.
    """

    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    log: bool = True
    choices: tuple[str, ...] = ()

    def held(self, value: Value) -> Value:
        """The nearest value that the knob has."""
        if self.choices:
            name = _joined(value)
            return name if name in self.choices else self.choices[0]
        assert isinstance(value, (int, float))
        nearest = min(max(value, self.low), self.high)
        return round(nearest) if self.whole else nearest


Space = Mapping[str, Knob]


def space_of(request: Request, layers: Sequence[tuple[str, ...]] = (), *, task: str = "vision") -> Space:
    """What a search may vary; a setting given by hand stays as it was given.

    Args:
        request: Its method, direction and settings by hand count.
        layers: Sets of modules to choose from; the method's own choice when there are fewer than two.
        task: Kind of material; some methods have other settings for language.

    Raises:
        PlanError: The method is unknown.
    """
    fields = settings_kind(request.method, task).model_fields
    tuned = [name for name in TUNED if name in fields and name not in request.settings]
    knobs = {name: _around(fields[name]) for name in tuned if request.direction is not None or name != "spare_weight"}
    space = {name: knob for name, knob in knobs.items() if knob is not None}
    if "stop_at" in fields:
        space["intensity"] = Knob(WEAKEST, 1.0, log=False)
    if len(layers) > 1 and "layers" in fields and "layers" not in request.settings:
        space["layers"] = Knob(choices=tuple(_joined(names) for names in layers))
    return space


def _around(field: FieldInfo) -> Knob | None:
    """A knob around a setting's default; None where the method switches the setting off."""
    default = field.default
    if isinstance(default, bool) or not isinstance(default, (int, float)) or default <= 0:
        return None
    bounds = {name: value for rule in field.metadata for name, value in vars_of(rule).items()}
    high = min(default * FACTOR, bounds.get("le", default * FACTOR), bounds.get("lt", default * FACTOR))
    low = max(default / FACTOR, bounds.get("ge", 0.0), bounds.get("gt", 0.0))
    return Knob(low, high, whole=isinstance(default, int))


def vars_of(rule: object) -> dict[str, float]:
    """The bounds that a rule of a field states, by name."""
    named = {name: getattr(rule, name, None) for name in ("ge", "gt", "le", "lt")}
    return {name: value for name, value in named.items() if value is not None}


def placed(space: Space, iteration: Iteration) -> dict[str, Value]:
    """Where an iteration lies in a space."""
    values = {**iteration.plan.settings, "intensity": iteration.request.intensity}
    return {name: knob.held(values[name]) for name, knob in space.items()}


def asked(request: Request, values: Mapping[str, Value]) -> Request:
    """The request at one place of a space."""
    settings = {name: value for name, value in values.items() if name != "intensity"}
    if isinstance(settings.get("layers"), str):
        settings["layers"] = tuple(str(settings["layers"]).split())
    changed = {"intensity": values.get("intensity", request.intensity), "settings": {**request.settings, **settings}}
    return request.model_copy(update=changed)


def propose(space: Space, seen: Sequence[tuple[Mapping[str, Value], float]], seed: int) -> dict[str, Value]:
    """The place to try next, by the tree-structured Parzen estimator.

    Args:
        space: What may be varied; at least one knob.
        seen: Places that were tried, and how far each was from the goal.
        seed: Same seed and same observations, same proposal.
    """
    import optuna

    distributions = {name: _distribution(knob) for name, knob in space.items()}
    with _quietly():
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        study = optuna.create_study(sampler=sampler)
        for place, value in seen:
            study.add_trial(optuna.trial.create_trial(params=dict(place), distributions=distributions, value=value))
        found = study.ask(distributions).params
    return {name: _short(value) for name, value in found.items()}


def _distribution(knob: Knob) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if knob.choices:
        return CategoricalDistribution(knob.choices)
    if knob.whole:
        return IntDistribution(round(knob.low), round(knob.high), log=knob.log)
    return FloatDistribution(knob.low, knob.high, log=knob.log)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's lines about studies that are made and left."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _short(value: Value) -> Value:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _joined(value: Value) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
