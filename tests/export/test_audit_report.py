"""The report of an audit holds every number, loads nothing, and is readable without sight, colour or a wide screen."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from lorasteer.evaluation.audit import verdict as rule
from lorasteer.export.audit_report import SIGNS, Picture, audit_html
from lorasteer.export.audit_style import STYLE
from lorasteer.export.audit_text import audit_markdown
from lorasteer.records import AuditRecord, Measurement
from lorasteer.records.audit import AttackResult, AuditCurve
from lorasteer.records.verdict import AuditSubject, Clue, Label, Verdict

HOSTILE = "<script>alert('x')</script>"
NAMES = {"lora-ihl": "unlearned", "base": "base", "retrained (seed 1000)": "retrained", "retrained (seed 1001)": "retrained",
         "never trained": "never-trained"}  # fmt: skip


def result(subject: str, value: float) -> AttackResult:
    measured = Measurement(name="relearn_area_all", value=value, unit="share", n=54, better="near-retrained", low=0, high=1)
    curve = AuditCurve(label="recovered, all", x=(0, 1, 2), y=(0, value / 2, value), x_label="steps", y_label="recovered")
    roc = AuditCurve(
        label=f"LiRA, {subject}", x=(0, 0.01, 1), y=(0, value, 1), low=(0, 0, 1), high=(0.1, 1, 1), x_label="false-positive rate",
        y_label="found",
    )  # fmt: skip
    return AttackResult(
        attack="relearn-forget", kind="relearning", subject=subject, model="e" * 64, splits="s" * 64, measurements=(measured,),
        curves=(curve, roc), n=54, notes=(f"Taught {HOSTILE}.",),
    )  # fmt: skip


def record(label: Label = "suppressed", wording: str = "class 7") -> AuditRecord:
    values = (0.775, 0.96, 0.12, 0.14, 0.05)
    clue = Clue(
        question="learned again", attack="relearn-forget", measurement="relearn_area_all", value=0.775, low=0, high=0.4,
        base=0.96, n=54, found="towards the base", unit="share",
    )  # fmt: skip
    mine = Verdict(subject="lora-ihl", label=label, rule="It is learned again.", evidence=(clue,), withheld="Train a second.")
    others = [Verdict(subject=name, label="not enough evidence", rule="Too little.") for name in list(NAMES)[1:4]]
    subjects = tuple(
        AuditSubject.model_validate({"name": n, "role": r, "model": f"{i}" * 64}) for i, (n, r) in enumerate(NAMES.items())
    )
    return AuditRecord(
        suite="quick", wording=wording, base="1" * 64, splits="s" * 64, subjects=subjects,
        results=tuple(result(name, value) for name, value in zip(NAMES, values, strict=True)), verdicts=(mine, *others),
        skipped={"unlearning-depth": "needs a retrained model"}, seconds=12.3, versions={"torch": "2"}, machine={"cpus": 2},
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


class Reader(HTMLParser):
    """Collects elements, and checks that they are closed in the order in which they were opened."""

    VOID = frozenset({"meta", "br", "circle", "line", "polyline", "polygon", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [facts for name, facts in self.found if name == tag]


def test_verdict_rule_numbers_and_digests_are_told() -> None:
    page = Reader(audit_html(record()))
    for words in ("suppressed", "It is learned again.", "Train a second.", "77.50%", "0.00% to 40.00%", "96.00%", "1" * 64, "12"):
        assert words in page.text
    assert "unlearning-depth was left out: needs a retrained model." in page.text


def test_it_loads_nothing() -> None:
    page = audit_html(record())
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img|<iframe|\bsrc=|\bhref=", page)
    assert "default-src 'none'" in page


def test_what_a_person_wrote_is_text_and_nothing_else() -> None:
    page = Reader(audit_html(record(wording=HOSTILE), [Picture(HOSTILE, [(0, 0)], [(1, 1)])]))
    assert page.all("script") == []
    assert page.text.count(HOSTILE) >= 3


def test_it_can_be_read_without_sight() -> None:
    page = Reader(audit_html(record(), [Picture("base", [(0, 0)], [(1, 1), (2, 2)])]))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table")) > 2
    assert all(cell["scope"] in ("col", "row") for cell in page.all("th"))
    for drawn in page.all("svg"):
        assert drawn.get("role") == "img" or drawn.get("aria-hidden") == "true"
    assert len(page.all("title")) == 1 + sum(drawn.get("role") == "img" for drawn in page.all("svg"))
    for region in page.all("div"):
        assert region.get("class") != "scroll" or (region["tabindex"], region["role"], bool(region["aria-label"])) == (
            "0",
            "region",
            True,
        )


def luminance(color: str) -> float:
    full = color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
    parts = [int(full[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", [0, 1], ids=["light", "dark"])
def test_texts_and_lines_stand_out_in_light_and_dark(look: int) -> None:
    """WCAG 2: 4.5 for texts. The colours of lines are those of texts as well."""
    block = re.findall(r":root\{(.*?)\}", STYLE, re.DOTALL)[look]
    colors = dict(re.findall(r"--(\w+):(#\w+)", block))
    for text in ("text", "muted", "tested", "base", "retrained", "never", "warn"):
        for ground in ("ground", "surface"):
            assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)


def test_every_verdict_has_a_sign_and_a_mood() -> None:
    labels = Label.__args__  # type: ignore[attr-defined]
    assert set(SIGNS) == set(labels)
    assert len(set(SIGNS.values())) == len(labels)
    for label in labels:
        assert f'class="verdict {label.replace(" ", "-")}"' in audit_html(record(label))
        assert f".{label.replace(' ', '-')}" in STYLE


def test_curves_of_all_models_are_drawn_together() -> None:
    page = Reader(audit_html(record()))
    lines = [facts for facts in page.all("polyline") if "line tested" in str(facts["class"])]
    assert len(lines) == 2  # the curve and the ROC curve, whose label holds the name of its model
    assert len([facts for facts in page.all("polyline") if "line retrained" in str(facts["class"])]) >= 4
    assert [facts for facts in page.all("polygon") if "band retrained" in str(facts["class"])]
    assert [facts for facts in page.all("polygon") if "band tested" in str(facts["class"])]


def test_the_markdown_holds_the_same() -> None:
    text = audit_markdown(record())
    assert text.startswith("# Audit: class 7\n\n**lora-ihl: suppressed.** It is learned again. Train a second.")
    assert (
        "| learned again | relearn-forget | relearn area all | 77.50% | 0.00% to 40.00% | 96.00% | towards the base | 54 |"
        in text
    )
    assert "| relearn area all | 77.50% | 96.00% | 12.00% | 14.00% | 5.00% | share |" in text


def test_it_claims_no_more_than_was_shown() -> None:
    for text in (audit_markdown(record()), audit_html(record()), rule.__doc__ or ""):
        assert not re.search(r"\b(deleted|erased|guaranteed|proves|proven)\b", text.lower())
