"""An audit in words and tables: the report in Markdown, and what it has in common with the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lorasteer.evaluation.table import MISSING, cell
from lorasteer.records import AuditRecord, Clue

NOTE = (
    "An audit says what was tried, on which examples, beside which models, and what came of it. Attacks can show that a trace is "
    "left; they cannot show that none is, and another attack may find what these did not."
)


def audit_markdown(record: AuditRecord) -> str:
    """The report in Markdown, without plots."""
    verdict = record.verdict or record.verdicts[0]
    parts = [f"# Audit: {record.wording}", f"**{verdict.subject}: {verdict.label}.** {verdict.rule} {verdict.withheld}".strip()]
    parts += ["## What decided", _clues(verdict.evidence)] if verdict.evidence else []
    parts += ["## Looked at beside", _clues(verdict.beside)] if verdict.beside else []
    others = [[one.subject, one.label, one.rule] for one in record.verdicts if one is not verdict]
    parts += ["## The same rule on the other models", _table(["model", "verdict", "by"], others), "## All measurements"]
    for attack, head, body in measured(record):
        parts.append(f"### {attack}\n\n{_table(head, body)}")
    parts += ["## Remarks", "\n".join(f"- {line}" for line in remarks(record)), "## To check it by", _listed(digests(record))]
    return "\n\n".join([*parts, "## Made with", _listed(made(record)), NOTE]) + "\n"


def _clues(clues: Sequence[Clue]) -> str:
    head = ["asked", "attack", "measurement", "value", "retrained models", "base", "lies", "n"]
    return _table(head, [clue_cells(clue) for clue in clues])


def clue_cells(clue: Clue) -> list[str]:
    """A reading as texts: question, attack, measurement, value, band, base, where it lies, number of examples."""
    value, low, high, base = (cell(number, clue.unit) for number in (clue.value, clue.low, clue.high, clue.base))
    return [clue.question, clue.attack, _words(clue.measurement), value, f"{low} to {high}", base, clue.found, str(clue.n)]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(text.replace('|', '/') for text in line)} |" for line in lines)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _listed(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def measured(record: AuditRecord) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For each attack: its name, the head of a table, and a row for each measurement over all models."""
    for attack in dict.fromkeys(result.attack for result in record.results):
        found = {result.subject: result for result in record.results if result.attack == attack}
        subjects = [subject.name for subject in record.subjects if subject.name in found]
        named = {one.name: one for name in subjects for one in found[name].measurements}
        values = [{one.name: cell(one.value, one.unit) for one in found[name].measurements} for name in subjects]
        rows = [[_words(name), *(value.get(name, MISSING) for value in values), one.unit] for name, one in named.items()]
        yield attack, ["measurement", *subjects, "unit"], rows


def remarks(record: AuditRecord) -> list[str]:
    """What the attacks on the model under test have to say, what was left out, and how models came about."""
    tested = record.subjects[0].name
    said = [f"{result.attack}: {note}" for result in record.results if result.subject == tested for note in result.notes]
    left_out = [f"{name} was left out: {reason}." for name, reason in record.skipped.items()]
    return [*dict.fromkeys(said), *left_out, *(f"{one.name}: {one.note}." for one in record.subjects if one.note)]


def digests(record: AuditRecord) -> dict[str, str]:
    """Digests of base, splits and models, by name."""
    return {"base": record.base, "splits": record.splits, **{one.name: one.model for one in record.subjects}}


def made(record: AuditRecord) -> dict[str, object]:
    """With what, when, and in how many seconds the audit was made."""
    facts = {
        "suite": record.suite,
        "seed": record.seed,
        "seconds of attacks": f"{record.seconds:.0f}",
        "finished": record.created,
    }
    return {**facts, **record.versions, **record.machine}
