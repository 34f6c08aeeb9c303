"""How hard a request will be, said before it is run, with the evidence."""

from __future__ import annotations

from typing import Literal

from lorasteer.records.base import Record
from lorasteer.records.measurement import Measurement

DifficultyLabel = Literal["easy", "usual", "hard"]


class Difficulty(Record):
    """How hard it will be to forget the examples of a request and nothing else."""

    label: DifficultyLabel
    """In one word."""
    because: tuple[str, ...]
    """What decided it, one sentence each."""
    measurements: tuple[Measurement, ...]
    """The numbers behind it."""
    splits: str
    """Digest of the splits."""
    base: str
    """Digest of the base."""

    def value(self, name: str) -> float | None:
        """The number behind a measurement's name.

        Raises:
            KeyError: It was not measured.
        """
        return {measurement.name: measurement.value for measurement in self.measurements}[name]
