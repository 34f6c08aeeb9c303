"""An audit as a page to read: the verdict, the readings that decided it, plots, and every number. One file that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from lorasteer.export.audit_style import STYLE
from lorasteer.export.audit_text import NOTE, clue_cells, digests, made, measured, remarks
from lorasteer.export.plots import Dots, Line, dot_plot, key, line_plot, strip
from lorasteer.records import AuditRecord, Clue, Verdict
from lorasteer.records.audit import AttackResult, AuditCurve
from lorasteer.records.verdict import Role

SIGNS: Mapping[str, str] = {
    "removed to the depth tested": "✓",
    "suppressed": "◐",
    "not forgotten": "✕",
    "over-forgotten": "▽",
    "not enough evidence": "?",
}
"""A sign for each verdict, so that colour alone tells nothing."""
FEATURED = ("relearning", "probe", "depth", "membership")
"""Kinds of attack whose first plot is shown at once; the other plots can be opened."""
LOGARITHMIC = "false-positive rate"
_ORDER: tuple[Role, ...] = ("never-trained", "retrained", "base", "unlearned")  # the model under test is drawn last, on top
_LOOKS: Mapping[Role, str] = {"never-trained": "never-trained", "retrained": "retrained", "base": "base", "unlearned": "tested"}


class Picture(NamedTuple):
    """The examples as a model sees them.

    Args:
        title: Of which model, and along which axes.
        target: Places of examples of the target.
        others: Places of others.
    """

    title: str
    target: Sequence[tuple[float, float]]
    others: Sequence[tuple[float, float]]


class _Plot(NamedTuple):
    """A curve of an attack for all models that have it."""

    attack: str
    kind: str
    label: str
    lines: tuple[tuple[str, AuditCurve], ...]


def audit_html(record: AuditRecord, pictures: Sequence[Picture] = ()) -> str:
    """The report as one HTML page, with plots; it loads nothing from anywhere.

    Args:
        record: The audit.
        pictures: The examples as the base, the model under test and perhaps a retrained model see them.
    """
    verdict = record.verdict or record.verdicts[0]
    plots = list(_plots(record))
    featured = _featured(plots)
    body = "".join(
        [
            _summary(record, verdict), _evidence(verdict), _of_pictures(pictures),
            _section("Curves", _grid(_figure(record, plot) for plot in featured)),
            _controls(record, verdict), _numbers(record),
            _folded("Further curves", _grid(_figure(record, plot) for plot in plots if plot not in featured)),
            _closing(record),
        ]
    )  # fmt: skip
    title = escape(f"Audit: {record.wording}")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _summary(record: AuditRecord, verdict: Verdict) -> str:
    look = verdict.label.replace(" ", "-")
    withheld = f'<p class="withheld">{escape(verdict.withheld)}</p>' if verdict.withheld else ""
    models = ", ".join(one.name for one in record.subjects[1:])
    return (
        f"<header><p class='over'>Unlearning audit</p><h1>{escape(record.wording)}</h1></header>"
        f'<section class="verdict {look}" aria-label="Verdict"><p class="sign" aria-hidden="true">{SIGNS[verdict.label]}</p>'
        f'<div><p class="subject">{escape(verdict.subject)}</p><p class="label">{escape(verdict.label)}</p>'
        f"<p>{escape(verdict.rule)}</p>{withheld}</div></section>"
        f'<p class="small">Suite {escape(record.suite)}: {len(record.results)} attacks, beside {escape(models)}.</p>'
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _grid(figures: Iterable[str]) -> str:
    drawn = "".join(figures)
    return f'<div class="plots">{drawn}</div>' if drawn else ""


def _heading(name: str, *, number: bool) -> str:
    return f'<th scope="col"{" class=number" if number else ""}>{escape(name)}</th>'


def _folded(title: str, content: str) -> str:
    return f"<details><summary><h2>{escape(title)}</h2></summary>{content}</details>" if content else ""


def _evidence(verdict: Verdict) -> str:
    parts = []
    for title, clues in (("What decided", verdict.evidence), ("Looked at beside", verdict.beside)):
        if clues:
            rows = "".join(_evidence_row(clue) for clue in clues)
            head = "".join(_heading(name, number=place > 1) for place, name in enumerate(_COLUMNS))
            caption = "Each reading, held against the band of models that never saw the target."
            drawn = _scrolled(title, f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>")
            parts.append(_section(title, drawn) if clues is verdict.evidence else _folded(title, drawn))
    return _KEY_OF_STRIPS + "".join(parts) if parts else ""


_COLUMNS = ("asked", "in its band", "value", "retrained models", "base", "n")
_KEY_OF_STRIPS = (
    '<ul class="key strips"><li><span class="swatch within"></span>retrained models, chance allowed for</li>'
    '<li><span class="swatch value"></span>model under test</li><li><span class="swatch ring"></span>base</li></ul>'
)


def _scrolled(name: str, table: str) -> str:
    """A table that scrolls by itself where it is wider than the page, by keyboard as well."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(name)}"><table>{table}</table></div>'


def _evidence_row(clue: Clue) -> str:
    question, attack, name, value, band, base, found, n = clue_cells(clue)
    drawn = strip(f"{name} {value}, {found}; band {band}; base {base}", clue.value, clue.low, clue.high, clue.base)
    look = found.replace(" ", "-")
    cells = [
        f'<th scope="row">{escape(question)}<span class="found">{escape(name)}, {escape(attack)}</span></th>',
        f'<td>{drawn}<span class="found {look}">{escape(found)}</span></td>', f'<td class="number">{value}</td>',
        f'<td class="number">{band}</td>', f'<td class="number">{base}</td>', f'<td class="number">{n}</td>',
    ]  # fmt: skip
    return f"<tr>{''.join(cells)}</tr>"


def _of_pictures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    drawn = []
    for picture in pictures:
        groups = (Dots("other examples", "others", picture.others), Dots("examples of the target", "target", picture.target))
        drawn.append(
            f'<figure class="dots"><figcaption>{escape(picture.title)}</figcaption>'
            f"{dot_plot(picture.title, groups)}{key(groups)}</figure>"
        )
    return _section("How the models see the examples", f'<div class="plots three">{"".join(drawn)}</div>')


def _plots(record: AuditRecord) -> Iterator[_Plot]:
    """Every curve of the model under test, with the same curve of the other models."""
    tested = record.subjects[0].name
    for result in record.results:
        for curve in result.curves if result.subject == tested else ():
            label = _same(curve.label, tested)
            lines = tuple(
                (one.subject, found) for one in record.results if (found := _curve(one, result.attack, label)) is not None
            )
            yield _Plot(result.attack, result.kind, label, lines)


def _curve(result: AttackResult, attack: str, label: str) -> AuditCurve | None:
    if result.attack != attack:
        return None
    return next((curve for curve in result.curves if curve.x and _same(curve.label, result.subject) == label), None)


def _same(label: str, subject: str) -> str:
    """A curve's label without the name of its model, so that the same curve of another model is found."""
    return label.removesuffix(f", {subject}")


def _featured(plots: Sequence[_Plot]) -> list[_Plot]:
    first: dict[str, _Plot] = {}
    for plot in plots:
        if plot.kind in FEATURED:
            first.setdefault(f"{plot.kind} {plot.attack}" if plot.kind == "relearning" else plot.kind, plot)
    return list(first.values())


def _figure(record: AuditRecord, plot: _Plot) -> str:
    roles = {one.name: one.role for one in record.subjects}
    ordered = sorted(plot.lines, key=lambda line: _ORDER.index(roles[line[0]]))
    kept = [line for line in ordered if roles[line[0]] != "never-trained" or plot.kind == "relearning"]
    lines = [_line(name, roles[name], curve) for name, curve in kept]
    shown = plot.lines[0][1]
    band = _spread(lines)
    title = f"{plot.attack}: {plot.label}, of {', '.join(name for name, _ in kept)}"
    roc = shown.x_label == LOGARITHMIC
    drawn = line_plot(
        title, [*band, *lines], x_label=shown.x_label, y_label=shown.y_label, ticks=shown.ticks, logarithmic=roc, diagonal=roc
    )
    caption = f"<strong>{escape(plot.attack)}</strong> {escape(plot.label)}"
    return f"<figure><figcaption>{caption}</figcaption>{drawn}{key([*reversed(lines)])}</figure>"


def _line(name: str, role: Role, curve: AuditCurve) -> Line:
    band = (curve.low, curve.high) if role == "unlearned" else ((), ())
    return Line("retrained models" if role == "retrained" else name, _LOOKS[role], curve.x, curve.y, *band)


def _spread(lines: Sequence[Line]) -> list[Line]:
    """A band from the least to the most of the retrained models, where they have the same places."""
    gold = [line for line in lines if line.look == "retrained"]
    if len(gold) < 2 or any(tuple(line.x) != tuple(gold[0].x) for line in gold):
        return []
    sides = list(zip(*(line.y for line in gold), strict=True))
    low, high = [min(values) for values in sides], [max(values) for values in sides]
    return [Line(gold[0].label, "retrained", gold[0].x, gold[0].y, low, high)]


def _controls(record: AuditRecord, verdict: Verdict) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(one.subject)}</th><td>{SIGNS[one.label]} {escape(one.label)}</td>'
        f"<td>{escape(one.rule)}</td></tr>"
        for one in record.verdicts
        if one is not verdict
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("model", "verdict", "by"))
    caption = "What the rule says of models whose answer is known: it must be right here before it can be believed above."
    table = f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return _section("The same rule on the other models", _scrolled("Verdicts on the other models", table)) if rows else ""


def _numbers(record: AuditRecord) -> str:
    tables = []
    for attack, head, body in measured(record):
        columns = "".join(_heading(name, number=0 < place < len(head) - 1) for place, name in enumerate(head))
        rows = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td class=number>{escape(text)}</td>" for text in row[1:-1])}'
            f"<td>{escape(row[-1])}</td></tr>"
            for row in body
        )
        inside = f"<caption>{escape(attack)}</caption><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody>"
        tables.append(_scrolled(attack, inside))
    return _folded("All measurements", "".join(tables))


def _closing(record: AuditRecord) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in remarks(record))
    facts = {**digests(record), **made(record)}
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    told = _folded("Remarks of the attacks", f"<ul>{lines}</ul>") if lines else ""
    return f"{told}{_folded('To check it by', f'<dl>{rows}</dl>')}<footer><p>{escape(NOTE)}</p></footer>"
