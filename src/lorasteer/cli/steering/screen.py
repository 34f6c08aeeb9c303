"""From a view to what stands on the screen: heading, table and curves, tree and words, strength, decision bar, line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich import box
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lorasteer.cli.steering.keys import KEYS, MOST, Key
from lorasteer.cli.steering.view import View
from lorasteer.session import shown_rich
from lorasteer.session.shown import Branch
from lorasteer.tasks.training import Progress

WIDE = 132
"""Columns from which on the tree stands beside the table."""
FIGURES = 88
"""Columns that the table needs with everything in it."""
FOOT = 7
BAR = 30
HELP = (
    "←/→  turn the strength of the change, 0 to 1.5; the numbers follow. m keeps what you see.",
    "a    asks for a line such as: intensity=0.75 method=lora-ihl forget=3 set.epochs=3 (a number alone is an intensity)",
    "Esc  leaves a line without doing anything. Ctrl-C interrupts the work, twice leaves; nothing is lost.",
)


@dataclass(frozen=True)
class Moment:
    """What changes while a view stands.

    Args:
        state: State of the session.
        offered: Keys that do something now.
        doing: What is being done; empty when nothing is.
        progress: How far the training is.
        message: What the last action had to say.
        error: Whether that is a refusal.
        asking: The key whose question is being answered; None when no line is typed.
        typed: What was typed so far.
        helping: Whether the help is shown.
    """

    state: str
    offered: tuple[Key, ...]
    doing: str = ""
    progress: Progress | None = None
    message: str = ""
    error: bool = False
    asking: Key | None = None
    typed: str = ""
    helping: bool = False


def screen(view: View | None, moment: Moment, width: int, height: int) -> RenderableType:
    """The whole screen.

    Args:
        view: The session; None while it is being opened.
        moment: What changes while it stands.
        width: Columns.
        height: Lines.
    """
    layout, bar = Layout(), _bar(view, moment.offered, width)
    foot = max(FOOT, 4 + len(bar.split()))
    layout.split_column(
        Layout(_head(view, moment), size=2),
        Layout(name="body") if view else Layout(Text("opening …", style="dim")),
        Layout(_foot(view, moment, bar), size=foot),
    )
    if view:
        _body(layout["body"], view, moment, width=width, height=height - foot - 2)
    return layout


def _head(view: View | None, moment: Moment) -> Text:
    if view is None:
        return Text("lorasteer", style="bold")
    colour = {"unlearning": "yellow", "evaluating": "yellow", "closed": "dim"}.get(moment.state, "green")
    return Text.assemble(
        ("lorasteer ", "bold"), f"{view.base} · forget ", (view.target, "bold"), " · ",
        (moment.state, colour), (f" · {view.run}", "dim"),
        no_wrap=True, overflow="ellipsis",
    )  # fmt: skip


def _body(body: Layout, view: View, moment: Moment, *, width: int, height: int) -> None:
    if moment.helping:
        body.update(_help(moment.offered))
        return
    parent, now = view.titles
    figures = Group(shown_rich.metrics(view.lines, parent=parent, now=now), shown_rich.curves(view.curves))
    wide, tall = width >= WIDE, len(view.lines) + 6
    columns = width - FIGURES - 4 if wide else width
    words = [Text(f"· {word}") for word in view.words]
    room = height - _lines(words, columns) - (4 if wide else tall + 1)
    story = Group(shown_rich.tree(window(view.branches, max(2, room))), Text(), *words)
    if wide:
        body.split_row(Layout(figures, size=FIGURES), Layout(Panel(story, box=box.SIMPLE, padding=(1, 0, 0, 1))))
    else:
        body.split_column(Layout(figures, size=tall), Layout(story))


def _lines(words: Sequence[Text], columns: int) -> int:
    """How many lines sentences take, so that the tree leaves them their room."""
    console = Console(width=columns)
    return sum(len(word.wrap(console, columns)) for word in words)


def window(branches: Sequence[Branch], room: int) -> Sequence[Branch]:
    """As many lines of the tree as there is room for, with the head among them."""
    head = next((place for place, branch in enumerate(branches) if branch.head), 0)
    start = max(0, min(head - room // 2, len(branches) - room))
    return branches[start : start + room]


def _help(offered: Sequence[Key]) -> RenderableType:
    """What the keys do that are offered now, in two columns, and what is not seen by looking at them."""
    keys = [f"{_cap(key):5}{key.prompt or key.label}" for key in KEYS if key in offered]
    half = (len(keys) + 1) // 2
    table = Table.grid(padding=(0, 2))
    for left, right in zip_longest(keys[:half], keys[half:], fillvalue=""):
        table.add_row(Text(left), Text(right))
    return Group(table, Text(), *map(Text, HELP))


def _foot(view: View | None, moment: Moment, bar: Text) -> RenderableType:
    return Group(_strength(view), _progress(moment), _message(moment), bar, _line(moment))


def _strength(view: View | None) -> Text:
    if view is None or view.strength is None:
        return Text("strength –", style="dim")
    filled = round(view.strength / MOST * BAR)
    mark = "looked at, not kept" if view.dialled else "in force"
    return Text.assemble(
        "strength ", ("━" * filled, "bold cyan"), ("─" * (BAR - filled), "dim"), f" {view.strength:.2f} ", (mark, "dim")
    )


def _progress(moment: Moment) -> Text:
    """How far the work is; empty when none is done."""
    if not moment.doing:
        return Text()
    text = Text(f"{moment.doing} …", style="yellow")
    if moment.progress:
        one = moment.progress
        done = round(one.step / max(1, one.steps) * BAR)
        seen = f" · {one.seen.words}" if one.seen else ""
        text.append(f"  {'█' * done}{'░' * (BAR - done)} step {one.step} of at most {one.steps}{seen} · loss {one.loss:.3g}")
        text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _message(moment: Moment) -> Text:
    """What the last key had to say, also while work is done."""
    return Text(moment.message, style="red" if moment.error else "", overflow="ellipsis", no_wrap=not moment.error)


def _bar(view: View | None, offered: Sequence[Key], width: int) -> Text:
    """The decisions that are possible now, in as many lines as they need; no end of a line parts a key from its word."""
    caps = [(_cap(key), key.label) for key in offered]
    if view and view.strength is not None and any(key.action == "commit" for key in offered):
        caps.insert(0, ("←→", "strength"))
    lines = [Text()]
    for cap, label in caps:
        offer = Text.assemble((f" {cap} ", "reverse"), f" {label}")
        if lines[-1] and lines[-1].cell_len + offer.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(offer).append("  ")
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _cap(key: Key) -> str:
    return "⏎" if key.key == "enter" else key.key


def _line(moment: Moment) -> Text:
    if moment.asking is None:
        return Text()
    text = Text.assemble((f"{moment.asking.prompt}: ", "bold"), moment.typed, ("▏", "blink"))
    return text if moment.typed else text.append(f" such as {moment.asking.hint}", style="dim")
