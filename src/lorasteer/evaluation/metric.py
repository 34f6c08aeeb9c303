"""The table of metrics, and what a metric is: a pure function from a comparison to a reading."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

from lorasteer.evaluation.outputs import Context
from lorasteer.registry import Registry


class Reading(NamedTuple):
    """What a metric found.

    Args:
        value: The number; None where it is not defined.
        n: How many examples it rests on.
        note: Why the value is missing, or how to read it.
        interval: 95 % bootstrap interval of the value; None where none was computed.
    """

    value: float | None
    n: int
    note: str = ""
    interval: tuple[float, float] | None = None


Metric = Callable[[Context], Reading]
_PACKAGES = ("lorasteer.evaluation.metrics", "lorasteer.evaluation.attacks")


def _import_all() -> None:
    """Import every file of the metric packages, so that a new metric is one new file."""
    for package in _PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")


METRICS: Registry[Metric] = Registry(
    "metric",
    required_facts=("unit", "better", "group"),
    allowed_facts={
        "low": None,  # smallest possible value
        "high": None,  # largest possible value
        "ideal": None,  # value to aim at, for better="near-ideal"
        "needs": frozenset(),  # of "base", "retrained", "direction"
        "suite": frozenset({"quick"}),  # suites it belongs to
        "order": 999,  # place in tables: small numbers first, then by name
    },
    entry_point_group="lorasteer.metrics",
    populate=_import_all,
)
"""Metrics by name (`forget-accuracy`); the measurement they give is named with underscores (`forget_accuracy`).

The fact `group` is what the metric speaks about: `accuracy`, `privacy`, `likeness` (to the retrained model), `calibration`,
`direction` or `cost`. Those of `cost` do not look at the logits.
"""
