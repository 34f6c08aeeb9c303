"""What an audit found in one word, by which written rule, and on what evidence; and the record of the whole audit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.records.audit import AttackResult
from lorasteer.records.base import Record

Label = Literal["removed to the depth tested", "suppressed", "not forgotten", "over-forgotten", "not enough evidence"]
Role = Literal["base", "unlearned", "retrained", "never-trained"]


class Clue(Record):
    """One reading that a verdict looked at, beside what it was held against."""

    question: str
    """What the rule asked: `still recognised`, `learned again`, `read from the features` …"""
    attack: str
    """Attack it comes from."""
    measurement: str
    """Its measurement."""
    value: float
    """What was measured of the model under test."""
    low: float
    """Lower end of the band: what models that never had the forgotten examples show, chance allowed for."""
    high: float
    """Upper end of that band."""
    n: Annotated[int, Field(ge=0)]
    """Examples that the value rests on."""
    base: float | None = None
    """What the base shows; None where it was not measured."""
    found: Literal["inside", "towards the base", "away from the base"]
    """Where the value lies."""
    unit: str = ""
    """Its unit."""


class Verdict(Record):
    """A verdict on one model: what was shown, never that anything was deleted."""

    subject: str
    """Model it speaks of."""
    label: Label
    """The verdict."""
    rule: str
    """The clause that decided, in words."""
    evidence: tuple[Clue, ...] = ()
    """Readings that decided, the weightiest first."""
    beside: tuple[Clue, ...] = ()
    """The other readings that were looked at."""
    withheld: str = ""
    """Why a stronger verdict is not given; empty where none is withheld."""


class AuditSubject(Record):
    """A model that took part in an audit."""

    name: str
    """What it is called: `base`, `retrained (seed 1000)`, a method."""
    role: Role
    """What it is there for."""
    model: str
    """Digest of its weights, or of base and change."""
    note: str = ""
    """How it came about, where that is not plain."""


class AuditRecord(Record):
    """One audit: which models, which attacks, what they found, and the verdict on each model."""

    suite: str
    """`quick` or `full`."""
    wording: str
    """Target in words."""
    base: str
    """Digest of the base."""
    splits: str
    """Digest of the splits."""
    subjects: tuple[AuditSubject, ...]
    """Models that took part, the base first."""
    results: tuple[AttackResult, ...]
    """What each attack found on each of them."""
    verdicts: tuple[Verdict, ...]
    """On the model under test first, then on the others as controls: their verdicts are known beforehand."""
    skipped: dict[str, str] = {}
    """Attacks that could not be run, with the reason."""
    seed: int = 0
    """Seed of everything random."""
    seconds: float = 0.0
    """Wall time of all attacks together, also where results were remembered."""
    versions: dict[str, str] = {}
    """Versions of lorasteer, Python and the libraries that decide about numbers."""
    machine: dict[str, str | int | float] = {}
    """Processor, memory and operating system."""
    created: str
    """When it was finished, UTC, ISO 8601."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the model under test; None where only controls were audited."""
        tested = {subject.name for subject in self.subjects if subject.role == "unlearned"}
        return next((verdict for verdict in self.verdicts if verdict.subject in tested), None)
