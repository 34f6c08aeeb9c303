"""An audit: a change, its base, retrained models and one that never was trained, all attacked alike, and the verdict on them.

Each result is kept in the cache folder under the digest of all that it depends on, the program's own source among it. So an audit
that was killed goes on where it was, one that was done costs nothing, and a number that no longer holds is never found.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

import lorasteer
from lorasteer.errors import Interrupted, PlanError
from lorasteer.evaluation.audit import TABLES, CommonGround, Subject, attacks_of, missing, run_attack
from lorasteer.evaluation.audit.registry import Attack, as_shown
from lorasteer.evaluation.audit.verdict import give_verdict
from lorasteer.records import AuditRecord, AuditSubject, Settings, Verdict
from lorasteer.records.audit import AttackResult
from lorasteer.records.verdict import Role
from lorasteer.registry import Entry
from lorasteer.store import machine, versions
from lorasteer.tasks.tensors import write_text

BASE = "base"
SOURCES = ("core", "tasks", "changes", "methods", "evaluation")
"""Rooms whose source decides about the numbers."""


class Step(NamedTuple):
    """One attack on one model, done.

    Args:
        number: Which one, counted from 1.
        of: How many there are.
        attack: Name of the attack.
        subject: Name of the model.
        seconds: What it took; 0 where the result was remembered.
        left: Estimated seconds for the rest.
    """

    number: int
    of: int
    attack: str
    subject: str
    seconds: float
    left: float


class Estimate(NamedTuple):
    """What an audit will cost, before it begins.

    Args:
        attacks: How many attacks on how many models there are.
        remembered: How many of them are done already.
        seconds: Estimated time for the others.
    """

    attacks: int
    remembered: int
    seconds: float


@dataclass(frozen=True)
class Member:
    """A model that takes part.

    Args:
        role: What it is there for.
        subject: The model.
        note: How it came about, where that is not plain.
    """

    role: Role
    subject: Subject
    note: str = ""


@dataclass(frozen=True)
class Audit:
    """An audit that is ready to be run.

    Args:
        ground: What every attack gets.
        members: Models that take part: the one under test first, where there is one.
        suite: Which attacks.
        wording: Target in words.
        folder: Where results are remembered; None remembers nothing.
        settings: Settings of attacks by name, where they are not the attacks' own.
    """

    ground: CommonGround
    members: tuple[Member, ...]
    suite: str
    wording: str
    folder: Path | None = None
    settings: Mapping[str, Settings] = field(default_factory=dict)

    def attacks(self) -> tuple[Entry[Attack], ...]:
        """Attacks of the suite on models of this kind, in the order of reports."""
        return attacks_of(self.suite, self.ground.task)

    def _entry(self, name: str) -> Entry[Attack]:
        return TABLES[self.ground.task][name]

    def units(self) -> list[tuple[str, Subject]]:
        """Every attack on every model that it can be run on, in the order of the work: one attack on all, then the next."""
        return [
            (entry.name, member.subject)
            for entry in self.attacks()
            for member in self.members
            if not missing(entry, self.ground, member.subject)
        ]

    def skipped(self) -> dict[str, str]:
        """Attacks that cannot be run on the model under test, or on any where there is none, with what they lack."""
        subject = self.members[0].subject
        lacking = {entry.name: missing(entry, self.ground, subject) for entry in self.attacks()}
        return {name: f"needs {what}" for name, what in lacking.items() if what}

    def estimate(self) -> Estimate:
        """What it will cost; nothing is run but a timed forward pass."""
        units = self.units()
        rest = [(name, subject) for name, subject in units if self.remembered(name, subject) is None]
        return Estimate(len(units), len(units) - len(rest), sum(self._costs(rest)))

    def _costs(self, units: Sequence[tuple[str, Subject]]) -> Iterator[float]:
        """Estimated seconds of attacks, one after another; what several share is made with the first of them."""
        made: set[str] = set()
        for name, subject in units:
            entry = self._entry(name)
            shared = entry["shared"]
            free = shared in made or (entry["redoes"] and subject.again is None)
            yield 0.0 if free else entry["cost"](self.ground)
            made |= {shared} if shared else set()

    def run(self, told: Callable[[Step], object] = lambda step: None) -> AuditRecord:
        """Do what is not remembered, and give the verdicts.

        Args:
            told: Told of each attack on each model; a true answer stops the audit.

        Raises:
            Interrupted: A person stopped it; what is done is remembered where there is a folder.
        """
        results = tuple(self._results(told))
        return AuditRecord(
            suite=self.suite, wording=self.wording, base=self.ground.base.digest, splits=self.ground.splits.digest,
            subjects=tuple(_described(member) for member in self.members), results=results, verdicts=self.verdicts(results),
            skipped=self.skipped(), seed=self.ground.seed, seconds=round(sum(result.seconds for result in results), 3),
            versions=versions(), machine={**machine(), "threads": torch.get_num_threads()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip

    def _results(self, told: Callable[[Step], object]) -> Iterator[AttackResult]:
        units = self.units()
        rest = [(name, subject) for name, subject in units if self.remembered(name, subject) is None]
        costs = list(self._costs(rest))
        for number, (name, subject) in enumerate(units, 1):
            result, seconds = self.remembered(name, subject), 0.0
            try:
                if result is None:
                    began = time.perf_counter()
                    result = run_attack(name, self.ground, subject, self.settings.get(name))
                    self._remember(result, subject)
                    seconds = time.perf_counter() - began
                    costs = costs[1:]
                stopped = told(Step(number, len(units), name, subject.name, seconds, sum(costs)))
            except KeyboardInterrupt:
                raise Interrupted(self._stopped(number - 1, len(units))) from None
            yield result
            if stopped and number < len(units):
                raise Interrupted(self._stopped(number, len(units)))

    def _stopped(self, done: int, total: int) -> str:
        kept = "they are kept, and the same command goes on from there" if self.folder else "without a cache folder none is kept"
        return f"stopped after {done} of {total} attacks; {kept}."

    def verdicts(self, results: Sequence[AttackResult]) -> tuple[Verdict, ...]:
        """The verdict on each model but the one that was never trained."""
        retrained = [member.subject.name for member in self.members if member.role == "retrained"]
        judged = [member.subject.name for member in self.members if member.role != "never-trained"]
        return tuple(give_verdict(results, name, base=BASE, retrained=retrained) for name in judged)

    def remembered(self, name: str, subject: Subject) -> AttackResult | None:
        """What the attack found on this very model under these very circumstances before; None where it was not run."""
        path = self._path(name, subject)
        if path is None or not path.is_file():
            return None
        with suppress(PlanError, OSError, UnicodeDecodeError):  # a file that cannot be read is as good as none
            return AttackResult.from_json(path.read_text(encoding="utf-8")).model_copy(update={"subject": subject.name})
        return None

    def _remember(self, result: AttackResult, subject: Subject) -> None:
        path = self._path(result.attack, subject)
        if path is not None:
            write_text(path, result.to_json())

    def _path(self, name: str, subject: Subject) -> Path | None:
        return self.folder / f"{self.key(name, subject)}.json" if self.folder else None

    def key(self, name: str, subject: Subject) -> str:
        """sha256 of all that a result depends on."""
        entry = self._entry(name)
        settings, own = self.settings.get(name) or entry["settings"](), Path(inspect.getfile(entry.factory))
        ground = as_shown(entry, self.ground, settings)
        facts = {
            "attack": name, "settings": settings.model_dump(mode="json"), "seed": ground.seed, "subject": subject.digest,
            "strength": subject.change.record.strength if subject.change else None, "base": ground.base.digest,
            "inputs": ground.inputs.digest, "splits": ground.splits.digest, "touched": ground.touched,
            "retrained": [other.digest for other in ground.retrained], "controls": [other.digest for other in ground.controls],
            "weights": None if ground.weights is None else ground.weights.tolist(), "source": source(own),
            "threads": torch.get_num_threads(), "versions": versions(),
        }  # fmt: skip
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _described(member: Member) -> AuditSubject:
    return AuditSubject(name=member.subject.name, role=member.role, model=member.subject.digest, note=member.note)


@cache
def source(own: Path) -> str:
    """sha256 of the program's own source that decides about an attack's numbers.

    Args:
        own: File of the attack; it counts where it lies elsewhere, too.
    """
    root = Path(inspect.getfile(lorasteer)).parent
    files = [path for room in SOURCES for path in sorted((root / room).rglob("*.py"))]
    total = hashlib.sha256()
    for path in (*files, *(() if own.is_relative_to(root) else (own,))):
        total.update(path.read_bytes())
    return total.hexdigest()
