"""What the pages about audits and certificates say, asked of the code itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Table = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
SUBJECTS = (
    ("`base`", "weights of the base: names, types, shapes and bytes of all parameters and buffers, in the order of the names"),
    ("`data`", "the data set, as the run records it"),
    ("`splits`", "data and all index sets, as the run records them"),
    ("`splits/forget`, `splits/retain` …", "one index set: the positions as 64-bit little-endian whole numbers, rising"),
    ("`change/<file>`", "a file of the change, as the store keeps it"),
    ("`adapter/<file>`", "a file that `lorasteer export` writes at the change's own strength; for adapters only"),
)


def attacks_table(table: Table, task: str = "vision") -> str:
    """One row per attack, in the order of reports."""
    from lorasteer.evaluation.audit import TABLES

    entries = sorted(TABLES[task], key=lambda entry: (entry["order"], entry.name))
    rows = [
        [f"`{entry.name}`", entry.summary, entry["kind"], ", ".join(sorted(entry["suite"])), ", ".join(sorted(entry["needs"]))]
        for entry in entries
    ]
    return table(["attack", "what it does", "kind", "suite", "needs"], rows)


def verdict_rule() -> str:
    """The rule as the module that holds it says it, without its first line."""
    from lorasteer.evaluation.audit import verdict

    return (verdict.__doc__ or "").strip().split("\n\n", 1)[1]


def subjects_table(table: Table) -> str:
    """What the subjects of a certificate are digests of."""
    return table(["subject", "sha256 of"], SUBJECTS)


def predicate_table(settings_table: Callable[[Any], str]) -> str:
    """Fields of the predicate; the records in it are described with all others."""
    from lorasteer.records import Certificate

    return settings_table(Certificate)


def results(folder: Path, table: Table) -> str:
    """The tables of the audits of models whose answer is known, where they were run."""
    parts = []
    for path in sorted(folder.glob("audit-*.json")):
        shown = json.loads(path.read_text(encoding="utf-8"))["table"]
        parts += [f"**{shown['title']}**", table(shown["columns"], shown["rows"]), shown["note"]]
    return "\n\n".join(parts) or "Not run here yet: `python -m benchmarks audit-mnist audit-cifar10`."
