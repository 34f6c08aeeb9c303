"""Measure a model: every metric of a suite, in a stable order, as one record."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

from lorasteer.errors import PlanError, choices
from lorasteer.evaluation.metric import METRICS, Metric, Reading
from lorasteer.evaluation.outputs import Context
from lorasteer.records import Evaluation, Measurement
from lorasteer.registry import Entry


class Measured(Protocol):
    """A model's outputs, as far as every metric needs them."""

    @property
    def finite(self) -> bool:
        """False when a number is NaN or infinite."""


class Comparison(Protocol):
    """A model beside those it is compared with, of whatever modality."""

    @property
    def outputs(self) -> Measured:
        """The measured model's."""

    @property
    def has(self) -> frozenset[str]:
        """Which needs of metrics are met."""


Compared = TypeVar("Compared", bound=Comparison)


def suites() -> tuple[str, ...]:
    """Names of all suites that some metric belongs to, sorted."""
    return tuple(sorted({name for entry in METRICS for name in entry["suite"]}))


def metrics_of(suite: str) -> tuple[Entry[Metric], ...]:
    """Metrics of a suite in the order in which tables show them.

    Raises:
        PlanError: No metric belongs to a suite of this name.
    """
    chosen = [METRICS[name] for name in METRICS.names(suite=suite)]
    if not chosen:
        raise PlanError(f"unknown suite {suite!r}. {choices(suite, suites())}")
    return tuple(sorted(chosen, key=lambda entry: (entry["order"], entry.name)))


def evaluate(context: Context, suite: str = "quick") -> Evaluation:
    """Measure the model in the middle of a comparison. Nothing in the context is changed.

    Args:
        context: Outputs of the model and of those it is compared with.
        suite: Which metrics to run.

    Returns:
        All measurements of the suite. One that cannot be taken has the value None and a note that says why.

    Raises:
        PlanError: The suite is unknown.
    """
    outputs = context.outputs
    measurements = tuple(measure(entry, context) for entry in metrics_of(suite))
    return Evaluation(subject=outputs.subject, splits=outputs.splits, model=outputs.model, measurements=measurements)


def measure(entry: Entry[Callable[[Compared], Reading]], context: Compared) -> Measurement:
    """Run one metric, of images or of text, and attach the facts a number needs to be read."""
    reading = _read(entry, context)
    if reading.value is not None and not math.isfinite(reading.value):
        reading = Reading(None, reading.n, f"not finite: {reading.value}")
    named = {"name": entry.name.replace("-", "_"), **{fact: entry[fact] for fact in ("unit", "better", "low", "high", "ideal")}}
    return Measurement(**named, value=reading.value, n=reading.n, note=reading.note, interval=reading.interval)


def _read(entry: Entry[Callable[[Compared], Reading]], context: Compared) -> Reading:
    missing = sorted(entry["needs"] - context.has)
    if missing:
        return Reading(None, 0, f"needs {' and '.join(_WORDS.get(need, need) for need in missing)}")
    if entry["group"] != "cost" and not context.outputs.finite:
        return Reading(None, 0, "the model's logits are not finite")
    return entry.factory(context)


_WORDS = {"base": "the base model", "retrained": "a retrained model", "direction": "a direction"}
