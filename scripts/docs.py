"""Write everything in the docs that the code already knows; `--check` names what is stale and fails.

Two kinds of text are generated: whole pages under docs/reference/, and blocks between the comments
`<!-- generated: NAME -->` and `<!-- /generated -->` in README.md and in any page of docs/.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- generated: ([a-z0-9-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
NOTE = "<!-- Written by scripts/docs.py; change the code it describes, then run `make format`. -->\n\n"
BIN = Path(sys.executable).parent
Writer = Callable[[], str]


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
        needs, paper = ", ".join(sorted(entry.facts.get("needs", ()))), _paper(str(entry.facts.get("paper") or ""))
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
        parts += [f"## {entry.name}", entry.summary, _settings_table(entry.facts["settings"])]
    return "\n\n".join(parts) + "\n"


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


def _settings_table(kind: Any) -> str:
    properties = kind.model_json_schema().get("properties", {})
    if not properties:
        return "No settings."
    required = kind.model_json_schema().get("required", ())
    rows = [
        [f"`{name}`", _type(field), "required" if name in required else f"`{_default(field)}`", field.get("description", "")]
        for name, field in properties.items()
    ]
    return table(["field", "type", "default", "meaning"], rows)


def _default(field: Mapping[str, Any]) -> str:
    return json.dumps(field["default"], ensure_ascii=False) if "default" in field else "made on the spot"


def _type(field: Mapping[str, Any]) -> str:
    """A JSON schema type in words, with its range.

    Example:
        >>> _type({"type": "number", "minimum": 0, "maximum": 1}), _type({"enum": ["a", "b"]})
        ('number, 0 to 1', '`a`, `b`')
    """
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](settings.md#{name.lower()})"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return _words(field) + _range(field)


def _words(field: Mapping[str, Any]) -> str:
    words = {"null": "nothing", "string": "text", "boolean": "true or false", "object": "table"}
    return words.get(field.get("type", "any"), field.get("type", "anything"))


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


PAGES: dict[str, Writer] = {
    "docs/reference/api.md": api_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/methods.md": methods_page,
    "docs/reference/settings.md": settings_page,
}
BLOCKS: dict[str, Writer] = {"cli": help_text, "methods": methods_table, "results": results}


def filled(text: str, blocks: Mapping[str, Writer]) -> str:
    r"""A page with all its marked blocks written anew.

    Raises:
        RuntimeError: A block has a name that nothing writes.

    Example:
        >>> filled("<!-- generated: x -->\nold\n<!-- /generated -->", {"x": lambda: "new"})
        '<!-- generated: x -->\nnew\n<!-- /generated -->'
    """

    def one(match: re.Match[str]) -> str:
        head, name, tail = match.groups()
        if name not in blocks:
            raise RuntimeError(f"unknown block {name!r}; allowed: {', '.join(sorted(blocks))}")
        return f"{head}{blocks[name]()}\n{tail}"

    return BLOCK.sub(one, text)


def expected(root: Path, pages: Mapping[str, Writer], blocks: Mapping[str, Writer]) -> dict[Path, Writer]:
    """For each page that holds generated text, what writes all of it."""
    writers: dict[Path, Writer] = {root / name: partial(_noted, write) for name, write in pages.items()}
    for page in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]:
        if page not in writers and BLOCK.search(page.read_text(encoding="utf-8")):
            writers[page] = partial(_refilled, page, blocks)
    return writers


def _noted(write: Writer) -> str:
    return NOTE + write()


def _refilled(page: Path, blocks: Mapping[str, Writer]) -> str:
    return filled(page.read_text(encoding="utf-8"), blocks)


def refresh(writers: Mapping[Path, Writer], *, check: bool) -> list[str]:
    """Write the pages, or only compare.

    Args:
        writers: What `expected` gives.
        check: Compare and change nothing.

    Returns:
        One line per page that cannot be written or, when checking, is stale.
    """
    problems = []
    for page, write in writers.items():
        try:
            wanted = write()
        except Exception as error:  # one unwritable page must not hide the state of the others
            problems.append(f"{page}: cannot be generated: {type(error).__name__}: {error}")
            continue
        if page.exists() and page.read_text(encoding="utf-8") == wanted:
            continue
        if check:
            problems.append(f"{page}: stale; run `make format` and commit the result")
        else:
            page.write_text(wanted, encoding="utf-8")
    return problems


def main() -> int:
    """Run from the command line; 0 when all generated text is fresh."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is stale")
    problems = refresh(expected(ROOT, PAGES, BLOCKS), check=parser.parse_args().check)
    for problem in problems:
        print(problem.removeprefix(f"{ROOT}/"), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
