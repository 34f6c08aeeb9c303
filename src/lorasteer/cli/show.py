"""What commands print on stdout: tables and lines for people, or one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from lorasteer.evaluation import Spread
    from lorasteer.records import Evaluation

PIPE_WIDTH = 400  # columns of a table that no person looks at: wide enough not to break a line


def document(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))


def line(value: Any) -> None:
    """One JSON document in one line, written at once, for programs that listen."""
    typer.echo(json.dumps(value, sort_keys=True, ensure_ascii=False))
    sys.stdout.flush()


def say(text: str = "") -> None:
    """A line of text."""
    typer.echo(text)


def warn(line: str) -> None:
    """A line on stderr."""
    typer.echo(f"lorasteer: {line}", err=True)


def table(head: Sequence[str], body: Sequence[Sequence[str]], *, numbers: bool = False) -> None:
    """A table; with `numbers`, all columns but the first go to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(head):
        shown.add_column(Text(name), justify="right" if numbers and place else "left", overflow="fold")
    for line in body:
        shown.add_row(*map(Text, line))
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(shown)


def models_down(evaluations: Sequence[Evaluation], columns: Sequence[str], *, floor: Mapping[str, Spread] | None = None) -> None:
    """Some measurements of many models, a model in each line."""
    from lorasteer.evaluation import rows

    lines = rows(evaluations, columns, floor=floor)
    table(list(lines[0]), [list(line.values()) for line in lines], numbers=True)


def metrics_down(
    evaluations: Sequence[Evaluation], columns: Sequence[str] | None = None, *, floor: Mapping[str, Spread] | None = None
) -> None:
    """Some measurements, or all that were taken, a metric in each line and a model in each column."""
    from lorasteer.evaluation import rows

    taken = [m.name for m in evaluations[-1].measurements if any(e.value(m.name) is not None for e in evaluations)]
    lines = rows(evaluations, taken if columns is None else columns, floor=floor)
    names = [name for name in lines[0] if name != "model"]
    table(
        ["metric", *(line["model"] for line in lines)], [[name, *(line[name] for line in lines)] for name in names], numbers=True
    )


def remarks(lines: Sequence[str]) -> None:
    """What a reader of the numbers should not miss."""
    for line in lines:
        say(f"- {line}")
