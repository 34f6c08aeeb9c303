"""What one attack found about one model: numbers with their meaning, curves for plots, and what it rests on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lorasteer.records.base import Record
from lorasteer.records.measurement import Measurement

AttackKind = Literal[
    "recognition",
    "relearning",
    "probe",
    "depth",
    "likeness",
    "membership",
    "quantisation",
    "switch",
    "noise",
    "lift",
    "worst-case",
    "extraction",
]


class AuditCurve(Record):
    """How a number went: over steps, layers, thresholds or strengths."""

    label: str
    """What the curve is of, for a legend."""
    x: tuple[float, ...]
    """Places, in rising order."""
    y: tuple[float, ...]
    """Number at each place."""
    x_label: str = ""
    """What the places are, with their unit: `steps`, `layer`, `false-positive rate` …"""
    y_label: str = ""
    """What the numbers are, with their unit."""
    ticks: tuple[str, ...] = ()
    """Names of the places, where they have names, such as layers."""
    low: tuple[float, ...] = ()
    """Lower end of a band around `y`; empty where there is none."""
    high: tuple[float, ...] = ()
    """Upper end of the band."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        lengths = {len(self.x), len(self.y), *(len(given) for given in (self.ticks, self.low, self.high) if given)}
        if len(lengths) > 1:
            raise ValueError(f"x, y, ticks and band of a curve are of one length, got lengths {sorted(lengths)}")
        return self


class AttackResult(Record):
    """What one attack found about one model."""

    attack: str
    """Registered attack."""
    kind: AttackKind
    """What it tries."""
    subject: str
    """Model that was attacked: `base`, `retrained (seed 1000)`, a method's name …"""
    model: str
    """Digest of that model."""
    splits: str
    """Digest of the splits."""
    measurements: tuple[Measurement, ...]
    """Its numbers, in the order in which reports show them."""
    curves: tuple[AuditCurve, ...] = ()
    """How the numbers went."""
    n: Annotated[int, Field(ge=0)]
    """How many examples it rests on."""
    seed: int = 0
    """Seed of its draws."""
    settings: dict[str, Any] = {}
    """Settings it was run with."""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    """Wall time; the only field that another run of the same attack may give otherwise."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read the numbers, one sentence each."""

    def __getitem__(self, name: str) -> Measurement:
        for measurement in self.measurements:
            if measurement.name == name:
                return measurement
        raise KeyError(f"{name!r} was not measured by {self.attack}; measured: {', '.join(m.name for m in self.measurements)}")

    def value(self, name: str) -> float | None:
        """The number behind a measurement's name, None where it is undefined."""
        return self[name].value
