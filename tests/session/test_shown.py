"""What is seen of a session: facts, a terminal's drawing, a notebook's page."""

from __future__ import annotations

import dataclasses
import re
import sys
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from lorasteer.records import Better, Iteration
from lorasteer.session import Session, shown_html, shown_rich
from lorasteer.session.feedback import Difference
from lorasteer.session.history import History
from lorasteer.session.shown import Curve, Line, _arrow, curves_of, stems, table_of, tree_of
from tests.support.sessions import begin, quick

EVIL = "<script>alert('7')</script>"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Three iterations on two branches, the second of them in force."""
    made = begin(tmp_path_factory.mktemp("shown"))
    made.start(quick())
    made.adjust(quick(intensity=0.9, settings={"epochs": 4}))
    made.go(1)
    made.commit(0.5)
    made.go(2)
    return made


def value(iteration: Iteration, name: str) -> str:
    found = iteration.evaluations[-1].value(name)
    assert found is not None
    return f"{found:.2%}"


def printed(session: Session, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(session)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


class Text(HTMLParser):
    """What a reader of a page sees, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_table_goes_from_the_base_to_now(session: Session) -> None:
    first, second, _ = session.iterations
    lines = {line.name: line for line in table_of(session)}
    line = lines["forget accuracy → retrained"]
    assert (line.parent, line.now) == (value(first, "forget_accuracy"), value(second, "forget_accuracy"))
    assert line.base == f"{second.evaluations[0].value('forget_accuracy'):.2%}"
    assert (line.retrained, line.arrow, line.good) == ("", "▼", None)


@pytest.mark.parametrize(
    ("better", "before", "after", "retrained", "expected"),
    [
        ("higher", 0.9, 0.5, [], ("▼", False)),
        ("lower", 0.9, 0.5, [], ("▼", True)),
        ("near-retrained", 0.5, 0.1, [0.0], ("▼", True)),
        ("near-retrained", 0.5, 0.1, [0.6], ("▼", False)),
        ("near-retrained", 0.5, 0.1, [], ("▼", None)),
        ("near-ideal", 0.4, 0.52, [], ("▲", True)),
    ],
)
def test_an_arrow_says_whether_it_got_better(
    better: Better, before: float, after: float, retrained: list[float], expected: tuple[str, bool | None]
) -> None:
    facts = {"name": "x", "unit": "share", "before": before, "after": after}
    assert _arrow(Difference(better=better, counts=True, **facts), retrained, 0.5) == expected
    assert _arrow(Difference(better=better, counts=False, **facts), retrained, 0.5) == ("", None)


def test_what_is_looked_at_is_compared_with_the_head(session: Session) -> None:
    looked = session.dial(0)
    line = {line.name: line for line in table_of(session, looked)}["forget accuracy → retrained"]
    assert (line.now, line.parent) == (line.base, value(session.iterations[1], "forget_accuracy"))
    assert (line.arrow, line.good) == ("▲", None)


def test_curves_follow_the_way_to_the_head(session: Session) -> None:
    forgotten, retained = curves_of(session)
    first, second, _ = session.iterations
    base = first.evaluations[0].value("forget_test_accuracy")
    assert forgotten.values == (base, *(one.evaluations[-1].value("forget_test_accuracy") for one in (first, second)))
    assert (len(retained.values), len(forgotten.spark)) == (3, 3)


def test_the_tree_branches_and_marks_the_head(session: Session) -> None:
    branches = tree_of(session)
    assert [(branch.stem, branch.number) for branch in branches] == [("", 0), ("", 1), ("├ ", 2), ("└ ", 3)]
    assert [branch.number for branch in branches if branch.head] == [2]
    assert "commit lora-ihl 0.5 × 0.5" in branches[3].text


def test_a_branch_goes_on_below_its_own_lines() -> None:
    tree = History({1: 0, 2: 1, 3: 2, 4: 1, 5: 2})
    assert [stem + str(number) for stem, number in stems(tree)] == ["0", "1", "├ 2", "│ ├ 3", "│ └ 5", "└ 4"]


def test_a_long_chain_does_not_wander_to_the_right() -> None:
    tree = History({number: number - 1 for number in range(1, 2000)})
    assert {stem for stem, _ in stems(tree)} == {""}
    assert len(stems(tree)) == 2000


def test_a_new_session_has_nothing_to_show_but_its_base(tmp_path: Path) -> None:
    fresh = begin(tmp_path)
    assert (table_of(fresh), curves_of(fresh)) == ([], [])
    assert "○" not in printed(fresh)
    assert "● 0 base" in printed(fresh)
    assert "Nothing is forgotten yet." in fresh._repr_html_()


def test_a_terminal_sees_table_curves_and_tree(session: Session) -> None:
    text = printed(session)
    assert session.id in text
    assert value(session.iterations[1], "retain_test_accuracy") in text
    assert "● 2 adjust" in text
    assert re.search(r"forgotten +[▁▂▃▄▅▆▇█·]{3} ", text)


def test_a_notebook_sees_the_same_numbers(session: Session) -> None:
    html = session._repr_html_()
    text = Text()
    text.feed(html)
    seen = "".join(text.words)
    assert value(session.iterations[1], "retain_test_accuracy") in seen
    assert "● 2 adjust" in seen
    assert {"table", "svg", "pre"} <= text.tags
    assert not re.search(r"(src|href|url)\s*[=(]|https?:", html)
    picture = re.search(r"<svg.*?</svg>", html)
    assert picture is not None
    assert len(ElementTree.fromstring(picture.group()).findall("circle")) == 6


def test_names_from_data_are_words_and_never_tags(session: Session) -> None:
    line = Line(EVIL, EVIL, EVIL, EVIL, EVIL, "", None)
    branch = dataclasses.replace(tree_of(session)[0], text=EVIL, values=EVIL, stem=EVIL)
    for part in (shown_html.metrics([line]), shown_html.tree([branch]), shown_html.curves([Curve(EVIL, (0.5, None, 1.0))])):
        text = Text()
        text.feed(part)
        assert "script" not in text.tags
        assert EVIL in "".join(text.words)


def test_a_class_that_is_called_like_a_tag(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    past = session.past
    named = past.iterations[2].model_copy(update={"wording": f"class {EVIL}"})
    monkeypatch.setitem(past.iterations, 2, named)
    assert EVIL not in session._repr_html_()
    assert "&lt;script&gt;" in session._repr_html_()
    assert EVIL in printed(session, 200)


def test_a_name_is_no_markup_for_a_terminal() -> None:
    console = Console(file=StringIO(), width=100)
    console.print(shown_rich.metrics([Line("[bold]x[/nothing]", "1", "", "2", "", "", None)]))
    assert "[bold]x[/nothing]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_no_notebook_is_needed() -> None:
    assert "IPython" not in sys.modules
