"""The table of text metrics: pure functions from a comparison of answers to a reading."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from lorasteer.core.text_statistics import bootstrap_interval
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading
from lorasteer.registry import Registry

TextMetric = Callable[[TextContext], Reading]
_PACKAGES = ("lorasteer.evaluation.language.metrics", "lorasteer.evaluation.language.attacks")


def _import_all() -> None:
    """Import every file of the metric packages, so that a new metric is one new file."""
    for package in _PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")


TEXT_METRICS: Registry[TextMetric] = Registry(
    "text metric",
    required_facts=("unit", "better", "group"),
    allowed_facts={
        "low": None,  # smallest possible value
        "high": None,  # largest possible value
        "ideal": None,  # value to aim at, for better="near-ideal"
        "needs": frozenset(),  # of "base", "retrained", "direction"
        "suite": frozenset({"quick", "full"}),  # suites it belongs to
        "order": 999,  # place in tables: small numbers first, then by name
    },
    entry_point_group="lorasteer.text_metrics",
    populate=_import_all,
)
"""Text metrics by name (`forget-probability`); the measurement they give is named with underscores.

The fact `group` is what the metric speaks about: `memory`, `utility`, `privacy`, `likeness` (to the retrained model),
`direction` or `cost`. Those of `cost` do not look at the answers.
"""


def averaged(values: Float[Tensor, " n"], part: str, note: str = "") -> Reading:
    """Mean of one number per example with its 95 % bootstrap interval.

    Args:
        values: The numbers.
        part: Name of the part, for the note when it is empty.
        note: How to read the number.
    """
    if not len(values):
        return Reading(None, 0, f"no examples in {part}")
    return Reading(float(values.double().mean()), len(values), note, bootstrap_interval(values))
