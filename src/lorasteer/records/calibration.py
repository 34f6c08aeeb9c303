"""What an intensity achieved: the points that the calibration of the intensity table is drawn through."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.base import Record

TargetKind = Literal["class", "samples", "inside"]


class CalibrationPoint(Record):
    """One plan that was carried out: what its intensity promised, and what was measured."""

    base: str
    """Digest of the base model."""
    target: TargetKind
    """Kind of target: whole classes, single samples, or a part inside a class."""
    method: str
    """Registered method."""
    intensity: Annotated[float, Field(ge=0, le=1)]
    """Intensity that was asked for."""
    promised: float
    """What the intensity table promised for it."""
    achieved: float
    """What was measured."""
    run: str
    """Id of the run."""
    iteration: Annotated[int, Field(ge=1)]
    """Number of the iteration in the run."""
