"""A session drawn for a terminal with Rich: what `print(session)` of Rich, notebooks without HTML and `lorasteer steer` show."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lorasteer.session.shown import Branch, Curve, Line, curves_of, table_of, tree_of
from lorasteer.session.standing import Standing

GOOD, BAD, PLAIN = "green", "red", "yellow"
COLOURS = {"forgotten": "red", "retained": "cyan"}


def drawn(session: Standing) -> RenderableType:
    """The whole session: heading, table, curves, tree."""
    return Group(heading_of(session), metrics(table_of(session)), curves(curves_of(session)), tree(tree_of(session)))


def heading_of(session: Standing) -> Text:
    """Run, state and target in one line."""
    current = session.current
    target = current.wording if current else "the base is in force"
    return Text.assemble((f"run {session.id}", "bold"), f"  {session.state}  {target}")


def metrics(lines: Sequence[Line], *, parent: str = "parent", now: str = "now") -> RenderableType:
    """The table, a metric in each line.

    Args:
        lines: What `table_of` gives.
        parent: Heading of what that is compared with.
        now: Heading of what is in force or looked at.
    """
    if not lines:
        return Text("Nothing is forgotten yet.", style="dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("metric")
    columns = {"base": "base", "parent": parent, "now": now, "retrained": "retrained ± floor"}
    shown = {name: title for name, title in columns.items() if any(getattr(line, name) for line in lines)}
    for title in shown.values():
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(Text(line.name), *(_value(line, name) for name in shown))
    return table


def _value(line: Line, name: str) -> Text:
    text = Text(getattr(line, name))
    if name == "now":
        text.append(f" {line.arrow or ' '}", style={True: GOOD, False: BAD, None: PLAIN}[line.good])
    return text


def curves(found: Sequence[Curve]) -> RenderableType:
    """A sparkline for each curve, with its last value."""
    table = Table.grid(padding=(0, 1))
    for curve in found:
        last = curve.values[-1]
        said = "–" if last is None else f"{last:.1%}"
        table.add_row(Text(curve.name), Text(curve.spark, style=COLOURS.get(curve.name, "")), Text(said))
    return table


def tree(branches: Sequence[Branch]) -> Text:
    """The tree of iterations; the head is marked."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for place, branch in enumerate(branches):
        text.append("\n" if place else "")
        text.append(branch.stem, style="dim")
        text.append("● " if branch.head else "○ ", style="bold" if branch.head else "dim")
        text.append(f"{branch.number} {branch.text}", style="bold" if branch.head else "")
        text.append(f"  {branch.values}" if branch.values else "", style="dim")
    return text
