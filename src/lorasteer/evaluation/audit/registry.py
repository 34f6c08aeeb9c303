"""The table of attacks, and what an attack is: a function from ground, subject and settings to what it found."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from lorasteer.errors import PlanError
from lorasteer.evaluation.audit.subject import CommonGround, Subject
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AttackResult, AuditCurve
from lorasteer.registry import Entry, Registry


class Finding(NamedTuple):
    """What an attack found.

    Args:
        measurements: Its numbers; one that cannot be taken has the value None and a note that says why.
        curves: How the numbers went, for plots.
        n: How many examples the attack rests on.
        notes: What a reader must know to read the numbers, one sentence each.
    """

    measurements: tuple[Measurement, ...]
    curves: tuple[AuditCurve, ...] = ()
    n: int = 0
    notes: tuple[str, ...] = ()


Attack = Callable[[Any, Subject, Any], Finding]
"""Of a ground of its task, a subject and its settings."""
Cost = Callable[[Any], float]


def _import_all(*packages: str) -> None:
    """Import every file of some packages, so that a new attack is one new file."""
    for package in packages:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")


def _nowhere(settings: Settings) -> bool:
    """An attack that treats all changes alike, so that what it finds on the base holds for every one."""
    return False


def _table(kind: str, group: str, *packages: str) -> Registry[Attack]:
    return Registry(
        kind,
        required_facts=("kind", "cost"),
        allowed_facts={
            "settings": Settings,  # class of its settings; all fields have defaults
            "needs": frozenset(),  # of "retrained", "change", "direction", "test-target"
            "suite": frozenset({"full"}),  # suites it belongs to: "quick", "full"
            "order": 999,  # place in reports: small numbers first, then by name
            "redoes": False,  # whether it costs anything only for a model that can be made again
            "reconstruction": False,  # whether it is built after an abstract alone, the paper being out of reach
            "local": _nowhere,  # whether its settings make it look at the modules that the audited change alters
            "shared": "",  # what its cost is of, where all models share it; attacks that name the same thing share it too
        },
        entry_point_group=group,
        populate=functools.partial(_import_all, *packages),
    )


ATTACKS = _table("attack", "lorasteer.attacks", "lorasteer.evaluation.audit", "lorasteer.evaluation.attacks")
"""Attacks on classifiers by name (`relearn-forget`). Measurements carry names of their own with underscores.

The fact `local` is a function (settings) -> whether the attack looks at the modules that the audited change alters. One that does
not is shown none, and what it found on the base and the retrained models is remembered for every change.

The fact `kind` is what the attack tries: `relearning`, `probe`, `depth`, `likeness`, `membership`, `quantisation`, `switch`,
`noise`, `lift`, `extraction` or `worst-case`. `cost` is a function (ground) -> seconds, estimated from a timed forward pass
before anything runs.
"""
TEXT_ATTACKS = _table("attack on text", "lorasteer.text_attacks", "lorasteer.evaluation.audit.language")
"""Attacks on language models by name, with the same facts; what tries the same carries the same name and measurements."""
TABLES = {"vision": ATTACKS, "language": TEXT_ATTACKS}
"""Attacks by what the models work on."""

_WORDS = {
    "retrained": "a retrained model",
    "change": "a change of the base",
    "direction": "a direction",
    "test-target": "test examples of the target",
}


def attacks_of(suite: str, task: str = "vision") -> tuple[Entry[Attack], ...]:
    """Attacks of a suite in the order in which reports show them.

    Args:
        suite: Name of the suite.
        task: What the models work on.

    Raises:
        PlanError: No attack belongs to a suite of this name.
    """
    table = TABLES[task]
    chosen = [table[name] for name in table.names(suite=suite)]
    if not chosen:
        raise PlanError(f"unknown suite {suite!r}. Choose among: {', '.join(audit_suites(task))}.")
    return tuple(sorted(chosen, key=lambda entry: (entry["order"], entry.name)))


def audit_suites(task: str = "vision") -> tuple[str, ...]:
    """Names of all suites that some attack belongs to, sorted."""
    return tuple(sorted({name for entry in TABLES[task] for name in entry["suite"]}))


def missing(entry: Entry[Attack], ground: CommonGround, subject: Subject) -> str:
    """What an attack needs and does not have here, in words; empty where it can run."""
    here = {
        "retrained": bool(ground.retrained),
        "change": subject.change is not None,
        "direction": ground.weights is not None,
        "test-target": len(ground.splits.forget_test) > 0,
    }
    lacking = [need for need in sorted(entry["needs"]) if not here[need]]
    return " and ".join(_WORDS[need] for need in lacking)


def as_shown(entry: Entry[Attack], ground: CommonGround, settings: Settings) -> CommonGround:
    """The ground as an attack gets to see it: one that is not local is told of no altered module."""
    return ground if entry["local"](settings) else replace(ground, touched=())


def run_attack(name: str, ground: CommonGround, subject: Subject, settings: Settings | None = None) -> AttackResult:
    """Attack one subject.

    Args:
        name: A registered attack.
        ground: What it is attacked with.
        subject: The model; it is left bit-identical.
        settings: Of the attack; its defaults when left out.

    Returns:
        What was found, as a record; the same for the same ground, subject and settings but for `seconds`.

    Raises:
        PlanError: The attack is unknown, or lacks something; the message names it.
    """
    entry = TABLES[ground.task][name]
    lacking = missing(entry, ground, subject)
    if lacking:
        raise PlanError(f"attack {name!r} on {subject.name!r} needs {lacking}, and there is none. Leave it out, or add one.")
    settings = entry["settings"]() if settings is None else settings
    started = time.perf_counter()
    found = entry.factory(as_shown(entry, ground, settings), subject, settings)
    return AttackResult(
        attack=name, subject=subject.name, model=subject.digest, splits=ground.splits.digest, kind=entry["kind"],
        measurements=found.measurements, curves=found.curves, n=found.n, seed=ground.seed,
        settings=settings.model_dump(mode="json"), seconds=round(time.perf_counter() - started, 3), notes=found.notes,
    )  # fmt: skip
