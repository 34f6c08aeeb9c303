"""What was measured: a number never travels without its unit, range, count and meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.base import Record

Better = Literal["higher", "lower", "near-retrained", "near-ideal", "none"]


class Measurement(Record):
    """One number about one model."""

    name: str
    """Metric, in the field's words: `forget_accuracy`, `mia_auc` …"""
    value: float | None
    """The number; None where it is not defined (`note` says why). Never a made-up 0 or 0.5."""
    unit: str
    """`share` (0 … 1), `nats`, `seconds`, `parameters` …"""
    n: Annotated[int, Field(ge=0)]
    """How many examples it was measured on."""
    better: Better
    """Which way is good. Tables and colours follow this field, never the name."""
    low: float | None = None
    """Smallest possible value; None where unbounded."""
    high: float | None = None
    """Largest possible value; None where unbounded."""
    ideal: float | None = None
    """Value to aim at when `better` is `near-ideal`."""
    note: str = ""
    """Why the value is missing or how to read it."""
    interval: tuple[float, float] | None = None
    """95 % bootstrap interval of the value; None where none was computed."""


class Evaluation(Record):
    """All measurements of one model on one set of splits."""

    subject: str
    """What was measured: `base`, `retrained`, or a method's name."""
    splits: str
    """Digest of the splits."""
    model: str
    """Digest of the measured model: base digest, or base and change."""
    measurements: tuple[Measurement, ...]
    """In the order in which tables show them."""

    def __getitem__(self, name: str) -> Measurement:
        for measurement in self.measurements:
            if measurement.name == name:
                return measurement
        raise KeyError(f"{name!r} was not measured; measured: {', '.join(m.name for m in self.measurements)}")

    def value(self, name: str) -> float | None:
        """The number behind a metric's name, None where it is undefined."""
        return self[name].value
