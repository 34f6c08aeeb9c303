"""The screen as text: what must be seen is seen, wide or narrow, and names from data are no markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from lorasteer.cli.steering.keys import KEYS, offered
from lorasteer.cli.steering.screen import Moment, screen, window
from lorasteer.cli.steering.view import View
from lorasteer.cli.steering.worker import Worker
from lorasteer.session.shown import Branch, Curve, Line
from lorasteer.session.states import allowed
from lorasteer.tasks.glance import Reading
from lorasteer.tasks.training import Progress

TREE = tuple(Branch("", number, number == 40, f"adjust lora-ihl 0.{number}") for number in range(60))
VIEW = View(
    run="r", base="mlp on digits", target="class [bold]7[/nothing]",
    lines=(Line("forget accuracy → retrained", "99.00%", "50.00%", "1.00%", "0.00% ± 0.10%", "▼", True),),
    titles=("parent", "now"), curves=(Curve("forgotten", (1.0, 0.5, 0.0)),), branches=TREE, words=("too much was forgotten.",),
    strength=0.75, dialled=False, iterations=True,
)  # fmt: skip
REVIEWING = offered(allowed("reviewing"), "reviewing", iterations=True)


def drawn(moment: Moment, view: View | None = VIEW, width: int = 130, height: int = 32) -> str:
    console = Console(width=width, height=height)
    with console.capture() as capture:
        console.print(screen(view, moment, width, height), height=height)
    return capture.get()


@pytest.mark.parametrize(("width", "height"), [(140, 32), (130, 32), (80, 24)])
def test_what_must_be_seen_is_seen(width: int, height: int) -> None:
    text = drawn(Moment("reviewing", REVIEWING, message="adjust: done."), width=width, height=height)
    expected = ("class [bold]7[/nothing]", "1.00% ▼", "0.00% ± 0.10%", "█▅▁", "● 40", "0.75 in force", "adjust: done.")
    assert [word for word in expected if word not in text] == []
    assert all(key.label.split()[0] in text for key in REVIEWING)
    assert len(text.splitlines()) == height


def test_while_it_works_only_interrupting_is_offered() -> None:
    moment = Moment("unlearning", offered(("interrupt",), "unlearning", iterations=True), "adjust", Progress(3, 12, 1, 4, 0.5))
    text = drawn(moment)
    assert "step 3 of at most 12" in text
    seen = Progress(3, 12, 1, 4, 0.5, seen=Reading(0.421, 0.975))
    assert "of at most 12 · forget 42.1%, retain 97.5% · loss 0.5" in drawn(replace(moment, progress=seen))
    assert "cannot undo now" in drawn(Moment("unlearning", (), "adjust", Progress(3, 12, 1, 4, 0.5), "cannot undo now.", True))
    assert "interrupt" in text
    assert "commit" not in text


def test_a_question_is_shown_with_an_example_until_something_is_typed() -> None:
    adjust = next(key for key in KEYS if key.action == "adjust")
    assert "such as intensity=0.75" in drawn(Moment("reviewing", REVIEWING, asking=adjust))
    text = drawn(Moment("reviewing", REVIEWING, asking=adjust, typed="0.9"))
    assert "0.9" in text
    assert "such as" not in text


def test_it_can_be_drawn_before_there_is_anything_to_draw() -> None:
    assert "opening" in drawn(Moment("idle", ()), view=None)


def test_the_head_stays_in_sight_of_a_long_tree() -> None:
    for room in (3, 10, 60, 100):
        shown = window(TREE, room)
        assert len(shown) == min(room, 60)
        assert any(branch.head for branch in shown)


def test_work_gives_its_answer_or_its_error_to_who_fetches_it() -> None:
    worker: Worker[int] = Worker()
    assert not worker.done()
    worker.begin(lambda: 3)
    assert worker.done(5)
    assert (worker.fetch(), worker.busy) == (3, False)
    worker.begin(lambda: 1 // 0)
    assert worker.done(5)
    with pytest.raises(ZeroDivisionError):
        worker.fetch()
    assert not worker.busy


@pytest.mark.parametrize("width", [60, 80, 97, 130, 150])
def test_no_end_of_a_line_parts_a_key_from_its_word(width: int) -> None:
    lines = drawn(Moment("reviewing", REVIEWING, message="done."), width=width, height=40).splitlines()
    for key in REVIEWING:
        assert any(f" {'⏎' if key.key == 'enter' else key.key}  {key.label}" in line for line in lines), key


@pytest.mark.parametrize(("width", "height"), [(140, 32), (100, 30), (80, 30)])
def test_a_long_tree_leaves_room_for_what_must_not_be_missed(width: int, height: int) -> None:
    sentence = "no retrained model to compare with: these numbers alone do not show that anything was removed at all"
    view = replace(VIEW, lines=VIEW.lines * 6, words=(*["since the base: forget accuracy fell."] * 3, f"{sentence}, END."))
    text = drawn(Moment("reviewing", REVIEWING), view, width=width, height=height)
    assert "END." in text
    assert "● 40" in text


@pytest.mark.parametrize(("width", "height"), [(140, 32), (100, 30), (80, 24)])
def test_the_help_has_all_its_room(width: int, height: int) -> None:
    text = drawn(Moment("reviewing", REVIEWING, helping=True), replace(VIEW, lines=VIEW.lines * 6), width=width, height=height)
    assert "nothing is lost" in " ".join(text.split())
    assert all(f"{key.key:5}{key.prompt or key.label}" in text for key in REVIEWING)
