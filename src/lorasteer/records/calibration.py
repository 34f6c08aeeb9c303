"""What intensities achieved: the points that were measured, and the falling curves that are drawn through them."""

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


class Curve(Record):
    """What intensities of the table left of the target, for one kind of target and one method."""

    target: TargetKind
    """Kind of target."""
    method: str
    """Registered method."""
    knots: tuple[tuple[float, float], ...]
    """Intensities of the table in rising order, each with the share of the base's forget accuracy it left; that never rises."""
    points: Annotated[int, Field(ge=1)]
    """How many measured points it was drawn through."""

    def intensity_for(self, share: float, near: float) -> float:
        """The intensity to train at so that a share is left, once the strength is turned down to it.

        Of those that left no more than the share, the one that left most, and of equal ones the nearest to `near`: strength can
        be turned down as far as one likes, but hardly up. Where all left more, the strongest.

        Example:
            >>> curve = Curve(target="class", method="m", knots=((0.2, 0.8), (0.4, 0.3), (0.6, 0.0), (0.8, 0.0)), points=4)
            >>> [curve.intensity_for(share, near=0.75) for share in (0.5, 0.1)]
            [0.4, 0.8]
        """
        enough = [(left, -abs(at - near), at) for at, left in self.knots if left <= share]
        return max(enough)[-1] if enough else max(near, self.knots[-1][0])


class Calibration(Record):
    """What a person's own runs on one base taught about intensities."""

    base: str
    """Digest of the base model."""
    curves: tuple[Curve, ...] = ()
    """One for each kind of target and method that was measured."""

    def curve(self, target: TargetKind, method: str) -> Curve | None:
        """The curve of a kind of target and a method; None where nothing was measured."""
        return next((curve for curve in self.curves if (curve.target, curve.method) == (target, method)), None)

    @property
    def words(self) -> tuple[str, ...]:
        """What was learned, a sentence for each curve."""
        if not self.curves:
            return ("Nothing was measured on this base yet; intensities mean what the table says.",)
        return tuple(
            f"{curve.method} on {curve.target} targets, {curve.points} measured: "
            + ", ".join(f"intensity {at:g} leaves {100 * left:.0f} %" for at, left in curve.knots)
            + "."
            for curve in self.curves
        )
