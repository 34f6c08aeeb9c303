"""Iterations beside each other: what was asked, what was measured, and accuracy by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from lorasteer.records import Target
from lorasteer.web.parts.theme import words
from lorasteer.web.views import Findings, MapFrame, Node, TableRow

CLASSES = 20
"""How many classes are shown at once: those of the target, then those that differ most."""


@dataclass(frozen=True)
class Side:
    """One of the iterations that are compared.

    Args:
        node: What was asked and done.
        findings: What was measured, compared with the first of them.
        frame: Its picture of the map; None where none was kept.
    """

    node: Node
    findings: Findings
    frame: MapFrame | None


def asked(node: Node) -> dict[str, str]:
    """What was asked for and done, fact by fact; what does not apply is –.

    Args:
        node: The iteration.
    """
    request = node.request
    facts = {"action": node.action, "after": "–" if node.parent is None else called(node.parent)}
    if request is not None:
        direction = request.direction
        facts |= {"forget": target_words(request.target), "intensity": f"{request.intensity:g}"}
        facts |= {"direction": "–" if direction is None else direction.attribute or "by examples", "method": request.method}
    return facts | {"strength": f"{node.strength:g}", "why": node.note or "–"}


def settings(node: Node) -> dict[str, str]:
    """The settings that an iteration was made with, in words.

    Args:
        node: The iteration.
    """
    return {name.replace("_", " "): _setting(value) for name, value in (node.plan.settings if node.plan else {}).items()}


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)


def target_words(target: Target) -> str:
    """A target in a few words.

    Example:
        >>> target_words(Target(classes=("cat", "dog"))), target_words(Target(random=50))
        ('cat, dog', '50 at random')
    """
    if target.classes:
        return ", ".join(target.classes)
    if target.random is not None:
        return f"{target.random} at random"
    return target.where or target.keyword or (f"{len(target.ids)} chosen examples" if target.ids else f"ids of {target.ids_file}")


def called(number: int) -> str:
    """What an iteration is called."""
    return "base" if number == 0 else f"iteration {number}"


def asked_table(sides: Sequence[Side]) -> None:
    """Draw what was asked; of the settings those that differ.

    Args:
        sides: The iterations; of the base nothing was asked.
    """
    nodes = [side.node for side in sides if side.node.number]
    made = [settings(node) for node in nodes]
    names = list(dict.fromkeys(name for one in made for name in one))
    differing = [name for name in names if len({one.get(name, "–") for one in made}) > 1]
    with _table("What was asked", [called(node.number) for node in nodes], "ls-words"):
        for fact in asked(nodes[0]):
            _fact(fact, [asked(node).get(fact, "–") for node in nodes])
        for name in differing:
            _fact(name, [one.get(name, "–") for one in made])
    if alike := len(names) - len(differing):
        words("p", f"{alike} settings are the same in all of them." if len(nodes) > 1 else "", "ls-small ls-muted")


def _fact(name: str, values: Sequence[str]) -> None:
    with ui.element("tr").classes("ls-differs" if len(set(values)) > 1 else "ls-same"):
        words("th", name).props("scope=row")
        for value in values:
            words("td", value)


def with_base(sides: Sequence[Side]) -> bool:
    """Whether the base needs a column of its own: it has one where it is compared."""
    return all(side.node.number for side in sides)


def numbers_table(sides: Sequence[Side]) -> None:
    """Draw the measurements: base, each iteration, retrained; differences that count have an arrow, bands are kept or missed.

    Args:
        sides: The iterations; differences are those from the first.
    """
    rows: dict[str, list[TableRow]] = {}
    for side in sides:
        for row in side.findings.rows:
            rows.setdefault(row.metric, []).append(row)
    own = with_base(sides)
    columns = [*(["base"] if own else []), *(called(side.node.number) for side in sides), "retrained ± floor", "aim"]
    with _table("What was measured", columns):
        for metric, known in rows.items():
            row = known[-1]
            with ui.element("tr"):
                words("th", row.name).props("scope=row").tooltip(row.help or row.name)
                if own:
                    words("td", row.base)
                for side in sides:
                    _value(next((one for one in side.findings.rows if one.metric == metric), None))
                words("td", row.retrained or "n/a", "ls-muted")
                words("td", " / ".join(dict.fromkeys(map(band_words, known))), "ls-muted")  # each plan has an aim of its own


def _value(row: TableRow | None) -> None:
    if row is None:
        words("td", "n/a", "ls-muted")
        return
    with ui.element("td").classes("ls-value"):
        if row.arrow:
            kind = {True: "ls-good", False: "ls-bad", None: "ls-warn"}[row.good]
            words("span", row.arrow, kind).props("aria-hidden=true")
            words("span", arrow_words(row), "ls-hidden")
        words("span", row.now)
        mark = in_band(row)
        if mark is not None:
            words("span", "✓" if mark else "·", "ls-mark ls-good" if mark else "ls-mark ls-muted").props("aria-hidden=true")
            words("span", "inside the aim" if mark else "outside the aim", "ls-hidden")


def arrow_words(row: TableRow) -> str:
    """What an arrow says, for those who do not see it."""
    way = "rose" if row.arrow == "▲" else "fell"
    return f"{way}, {'better' if row.good else 'worse'}, " if row.good is not None else f"{way}, "


def in_band(row: TableRow) -> bool | None:
    """Whether a value lies in the band to aim at; None where there is no value, or no band.

    Args:
        row: The metric.
    """
    if row.value is None or (row.low is None and row.high is None):
        return None
    return (row.low is None or row.low <= row.value) and (row.high is None or row.value <= row.high)


def band_words(row: TableRow) -> str:
    """The band to aim at, in words; n/a without one.

    Args:
        row: The metric.
    """
    low, high = (None if end is None else _number(end, row.unit) for end in (row.low, row.high))
    if low is None and high is None:
        return "n/a"
    if low == high:
        return str(low)
    if row.low == 0:
        return f"{high} or less" if high else f"{low} or more"
    return f"{low} to {high}" if low and high else f"{high} or less" if high else f"{low} or more"


def _number(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "share" else f"{value:.3g}"


@dataclass(frozen=True)
class ClassRow:
    """Accuracy on one class, at each of the iterations.

    Args:
        name: Its name.
        target: Whether it is to be forgotten, wholly or mostly.
        base: Accuracy of the base.
        values: Accuracy at each iteration; None where it was not measured.
    """

    name: str
    target: bool
    base: float
    values: tuple[float | None, ...]

    @property
    def order(self) -> tuple[bool, float]:
        """Those of the target first, then those that differ most among all that is shown."""
        known = [value for value in (self.base, *self.values) if value is not None]
        return not self.target, min(known) - max(known)


def class_rows(sides: Sequence[Side]) -> list[ClassRow]:
    """Every class that was measured: those of the target first, then by how much they differ.

    Args:
        sides: The iterations.
    """
    measured = [{one.name: one for one in side.findings.classes} for side in sides]
    found = []
    for name, one in {name: one for known in measured for name, one in known.items()}.items():
        values = tuple(known[name].after if name in known else None for known in measured)
        found.append(ClassRow(name, any(known[name].target >= 0.5 for known in measured if name in known), one.base, values))
    return sorted(found, key=lambda row: row.order)


def class_table(sides: Sequence[Side]) -> None:
    """Draw accuracy by class as bars with numbers.

    Args:
        sides: The iterations.
    """
    rows, own = class_rows(sides), with_base(sides)
    with _table("Accuracy by class", [*(["base"] if own else []), *(called(side.node.number) for side in sides)]):
        for row in rows[:CLASSES]:
            with ui.element("tr"):
                with ui.element("th").props("scope=row"):
                    words("span", row.name)
                    if row.target:
                        words("span", "to forget", "ls-chip ls-small ls-tag")
                for value in (*([row.base] if own else []), *row.values):
                    _bar(value, "forget" if row.target else "retain")
    if len(rows) > CLASSES:
        words("p", f"{len(rows) - CLASSES} more classes differ less.", "ls-small ls-muted")


def _bar(value: float | None, kind: str) -> None:
    with ui.element("td").classes("ls-bar-cell"):
        words("span", "n/a" if value is None else f"{value:.1%}")
        with ui.element("div").classes("ls-track").props("aria-hidden=true"):
            ui.element("div").classes(f"ls-fill ls-is-{kind}").style(f"width:{100 * (value or 0):.1f}%")


def _table(title: str, columns: Sequence[str], kind: str = "") -> ui.element:
    """A table with a heading row; rows go into what is returned."""
    with ui.element("div").classes("ls-scroll").props("tabindex=0 role=region") as region:
        region.props["aria-label"] = title
        with ui.element("table").classes(f"ls-table {kind}"):
            words("caption", title, "ls-hidden")
            with ui.element("thead"), ui.element("tr"):
                words("th", "").props("scope=col").props["aria-label"] = "name"
                for column in columns:
                    words("th", column).props("scope=col")
            return ui.element("tbody")
