"""What each generated page and block says, asked of the code itself. Parts of lorasteer are imported when they are needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from scripts import audits
from scripts.http_api import http_api
from scripts.picture import picture
from scripts.schema import schema

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
Writer = Callable[[], str]
FILES = (
    ("`index.sqlite`", "runs, iterations, logs and calibration points (below)"),
    ("`blobs/<sha256>/`", "the numbers of a change, or what a training goes on from, with `manifest.json` (below)"),
    ("`blobs/.new-…`", "a blob that is being written, or was when the program died; `lorasteer runs gc` removes it"),
    ("`lock`, `lock.holder`", "who may write; the system frees the lock when that process ends"),
)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    r"""A markdown table.

    Example:
        >>> print(table(["a", "b"], [[1, "x|y"]]))
        | a | b |
        | --- | --- |
        | 1 | x\|y |
    """
    head = list(columns)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return re.sub(r"\s*\n\s*", " ", str(value)).replace("|", "\\|")


def methods_table() -> str:
    """One row per registered method: name, what it does, family, needs, paper."""
    from lorasteer.methods import METHODS

    rows = []
    for entry in METHODS:
        needs, paper = ", ".join(sorted(entry["needs"])), _paper(entry["paper"])
        paper += " (reconstruction)" if entry["reconstruction"] else ""
        rows.append([f"`{entry.name}`", entry.summary, entry["family"], ", ".join(sorted(entry["tasks"])), needs, paper])
    return table(["method", "what it does", "family", "works on", "needs", "paper"], rows)


def _paper(reference: str) -> str:
    number = reference.removeprefix("arXiv:")
    return f"[{reference}](https://arxiv.org/abs/{number})" if number != reference else reference


def help_text() -> str:
    """What `lorasteer --help` prints, without colours, 100 columns wide."""
    return f"```text\n{_run(BIN / 'lorasteer', '--help')}\n```"


def _run(*command: str | Path) -> str:
    plain = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb", "HOME": "/home/you"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **plain}, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def results() -> str:
    """The tables of benchmarks/results/*.json, each under its title.

    A result file holds, beside its raw numbers, `table`: {"title", "columns", "rows", "note"}.
    """
    parts = []
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        shown = json.loads(path.read_text())["table"]
        parts.append(
            "\n\n".join([f"**{shown['title']}**", table(shown["columns"], shown["rows"]), shown.get("note", "")]).strip()
        )
    if not parts:
        raise RuntimeError("benchmarks/results holds no result; run `make bench`")
    return "\n\n".join(parts)


def cli_page() -> str:
    """All commands, their options and examples, from Typer itself."""
    text = _run(BIN / "typer", "lorasteer.cli", "utils", "docs", "--name", "lorasteer", "--title", "Command line")
    return f"{text}\n"


def methods_page() -> str:
    """Facts of every method, and its settings."""
    from lorasteer.methods import METHODS

    parts = ["# Methods", methods_table()]
    for entry in METHODS:
        parts += [f"## {entry.name}", entry.summary, _settings_table(entry.factory.Settings)]
    return "\n\n".join(parts) + "\n"


def metrics_page() -> str:
    """What is measured, in which unit, and which way is good."""
    from lorasteer.evaluation import METRICS

    columns = ["metric", "meaning", "unit", "range", "good", "needs"]
    rows = [[f"`{entry.name.replace('-', '_')}`", entry.summary, *_metric_facts(entry)] for entry in METRICS]
    return (
        "\n\n".join(["# Metrics", "What must be given for a number to be defined stands under *needs*.", table(columns, rows)])
        + "\n"
    )


def _metric_facts(entry: Any) -> list[str]:
    good = f"{entry['better']}, ideal {entry['ideal']:g}" if entry["ideal"] is not None else str(entry["better"])
    low, high = ("…" if bound is None else f"{bound:.3g}" for bound in (entry["low"], entry["high"]))
    return [entry["unit"], f"{low} to {high}", good, ", ".join(sorted(entry["needs"]))]


def sources_table() -> str:
    """What to write for each kind of data."""
    from lorasteer.tasks.vision.sources import SOURCES

    rows = [[f"`{entry['example']}`", entry.summary, entry["reads"]] for entry in SOURCES]
    return table(["write", "what it is", "what it reads"], rows)


def models_table() -> str:
    """Networks by name."""
    from lorasteer.tasks.vision.models import MODELS

    rows = [[f"`{entry.name}`", entry.summary, entry["params"], _size(entry["size"]), _paper(entry["paper"])] for entry in MODELS]
    return table(["model", "what it is", "parameters", "made for", "paper"], rows)


def _size(size: tuple[int, ...] | None) -> str:
    return "any" if size is None else "×".join(map(str, size))


def material_page() -> str:
    """Data sources and models on one page."""
    return "\n\n".join(["# Data and models", "## Data", sources_table(), "## Models", models_table()]) + "\n"


def intensity_table() -> str:
    """What an intensity stands for."""
    from lorasteer.steer.intensity import markdown

    return str(markdown()).strip()


def settings_page() -> str:
    """Every field of every record, from its JSON schema."""
    from lorasteer import records
    from lorasteer.records import Record

    kinds = [
        thing for thing in vars(records).values() if isinstance(thing, type) and issubclass(thing, Record) and thing is not Record
    ]
    parts = [
        "# Records and their fields",
        "Records are frozen and go to JSON and back without loss; a field not listed is refused.",
    ]
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        summary = (kind.__doc__ or "").strip().split("\n\n")[0]
        parts += [f"## {kind.__name__}", _cell(summary), *([_settings_table(kind)] if kind.model_fields else [])]
    return "\n\n".join(parts) + "\n"


def store_page() -> str:
    """Files and tables of a store, and what the database itself refuses."""
    from lorasteer.store.blobs import Manifest

    version, tables, guards = schema()
    parts = [
        "# Store",
        f"A store is a folder; why it is built so stands in [its design](../design/store.md). This is schema {version}.",
        table(["in the folder", "holds"], FILES),
        "## Tables of index.sqlite",
    ]
    for name, columns in tables.items():
        parts += [f"### {name}", table(["column", "type", "meaning"], columns)]
    parts += ["The database itself refuses to break these rules:", "\n".join(f"- {rule}" for rule in guards)]
    parts += ["## manifest.json of a blob", _cell((Manifest.__doc__ or "").strip()), _settings_table(Manifest)]
    return "\n\n".join(parts) + "\n"


def _settings_table(kind: Any, page: str = "settings.md") -> str:
    whole = kind.model_json_schema()
    own = whole.get("$defs", {}).get(kind.__name__, whole)  # a record that has parts of its own kind refers to itself
    properties, required = own.get("properties", {}), own.get("required", ())
    if not properties:
        return "No settings."
    rows = [
        [
            f"`{name}`",
            _type(field, page),
            "required" if name in required else f"`{_default(field)}`",
            field.get("description", ""),
        ]
        for name, field in properties.items()
    ]
    return table(["field", "type", "default", "meaning"], rows)


def _default(field: Mapping[str, Any]) -> str:
    return json.dumps(field["default"], ensure_ascii=False) if "default" in field else "made on the spot"


def _type(field: Mapping[str, Any], page: str = "settings.md") -> str:
    """A JSON schema type in words, with its range.

    Args:
        field: The schema.
        page: Where records that it refers to are described.

    Example:
        >>> _type({"type": "number", "minimum": 0, "maximum": 1}), _type({"enum": ["a", "b"]})
        ('number, 0 to 1', '`a`, `b`')
    """
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if options := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(_type(option, page) for option in options)
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}]({page}#{name.lower()})"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), page)}"
    return _words(field) + _range(field)


def http_api_page() -> str:
    """All calls of the HTTP API, and what is sent and answered."""
    from lorasteer.web.api import described

    return http_api(described().openapi(), table, partial(_type, page=""))


def _words(field: Mapping[str, Any]) -> str:
    words = {"null": "nothing", "string": "text", "boolean": "true or false", "object": "table"}
    kind = str(field.get("type", "anything"))
    return words.get(kind, kind)


def _range(field: Mapping[str, Any]) -> str:
    if "minimum" in field and "maximum" in field:
        return f", {field['minimum']:g} to {field['maximum']:g}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return "".join(f", {word} {field[key]:g}" for key, word in words.items() if key in field)


def api_page() -> str:
    """One entry per public name, written by mkdocstrings from its docstring."""
    import lorasteer

    things = {name: getattr(lorasteer, name) for name in lorasteer.__all__}
    places = [f"{thing.__module__}.{thing.__qualname__}" for thing in things.values() if hasattr(thing, "__qualname__")]
    parts = ["# Python API", "Every name below is imported from `lorasteer` itself, as in `from lorasteer import Request`."]
    return "\n\n".join([*parts, *(f"::: {place}" for place in places)]) + "\n"


def session_states() -> str:
    """The transition table of a session, drawn and in words."""
    from lorasteer.session.states import BY_THE_WORK, MEANINGS, TRANSITIONS, mermaid

    rows = [
        [f"`{state}`", f"`{action}`", "the work" if action in BY_THE_WORK else "a person", MEANINGS[action], f"`{goal}`"]
        for state, actions in TRANSITIONS.items()
        for action, goal in actions.items()
    ]
    return f"```mermaid\n{mermaid()}\n```\n\n{table(['in', 'action', 'by', 'meaning', 'leads to'], rows)}"


def readme_picture() -> str:
    """The picture at the top of the README."""
    return picture(ROOT / "benchmarks" / "results" / "table1-cifar10.json")


PAGES: dict[str, Writer] = {
    "docs/assets/table1.svg": readme_picture,
    "docs/reference/api.md": api_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/http-api.md": http_api_page,
    "docs/reference/material.md": material_page,
    "docs/reference/methods.md": methods_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/store.md": store_page,
}
_predicate_type = partial(_settings_table, page="../reference/settings.md")
BLOCKS: dict[str, Writer] = {
    "attacks": partial(audits.attacks_table, table),
    "attacks-language": partial(audits.attacks_table, table, "language"),
    "audit-results": partial(audits.results, ROOT / "benchmarks" / "results", table),
    "certificate-predicate": partial(audits.predicate_table, _predicate_type),
    "certificate-subjects": partial(audits.subjects_table, table),
    "cli": help_text,
    "intensity": intensity_table,
    "methods": methods_table,
    "models": models_table,
    "results": results,
    "session-states": session_states,
    "sources": sources_table,
    "verdict-rule": audits.verdict_rule,
}
