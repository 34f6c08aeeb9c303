"""Measure a language model: every metric of a suite, in a stable order, as one record."""

from __future__ import annotations

from lorasteer.errors import PlanError, choices
from lorasteer.evaluation.language.metric import TEXT_METRICS, TextMetric
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.suites import measure
from lorasteer.records import Evaluation
from lorasteer.registry import Entry


def text_metrics_of(suite: str) -> tuple[Entry[TextMetric], ...]:
    """Text metrics of a suite in the order in which tables show them.

    Raises:
        PlanError: No metric belongs to a suite of this name.
    """
    chosen = [TEXT_METRICS[name] for name in TEXT_METRICS.names(suite=suite)]
    if not chosen:
        raise PlanError(f"unknown suite {suite!r}. {choices(suite, {name for entry in TEXT_METRICS for name in entry['suite']})}")
    return tuple(sorted(chosen, key=lambda entry: (entry["order"], entry.name)))


def evaluate_text(context: TextContext, suite: str = "quick") -> Evaluation:
    """Measure the model in the middle of a comparison. Nothing in the context is changed.

    Args:
        context: Answers of the model and of those it is compared with, to a questionnaire of the same suite.
        suite: Which metrics to run.

    Returns:
        All measurements of the suite. One that cannot be taken has the value None and a note that says why.

    Raises:
        PlanError: The suite is unknown.
    """
    outputs = context.outputs
    measurements = tuple(measure(entry, context) for entry in text_metrics_of(suite))
    return Evaluation(subject=outputs.subject, splits=outputs.splits, model=outputs.model, measurements=measurements)
