"""The workbench page without a browser: what it shows, asks and refuses."""

from __future__ import annotations

import pytest

from lorasteer.errors import RequestError
from lorasteer.session.states import MEANINGS, TRANSITIONS, allowed
from lorasteer.session.steps import Adjust, Commit, Continue, Start, Undo
from lorasteer.web import views
from lorasteer.web.house import Stale
from lorasteer.web.parts.decisions import WORDS
from tests.web.pages.room import MemoryRoom
from tests.web.pages.simulated import SEVEN, Seen, forget_seven, play


def test_a_newcomer_is_led_to_the_first_numbers() -> None:
    async def story(seen: Seen) -> None:
        await seen.sees("First: choose what to forget.")
        seen.click(SEVEN)
        await seen.sees("Then: set how strongly")
        await seen.sees("Is to leave 10% of the accuracy")
        seen.press("do-start")
        await seen.sees("24.2%")
        await seen.sees("Compare now with retrained.")
        step, version, _, _ = seen.room.acted[0]
        assert isinstance(step, Start)
        assert step.target is not None
        assert (step.target.classes, step.intensity, version) == (("7",), 0.5, 1)

    play(story)


@pytest.mark.parametrize("changed", [True, False])
def test_buttons_are_exactly_what_the_state_table_allows(changed: bool) -> None:
    async def story(seen: Seen) -> None:
        assert seen.actions == set(allowed("idle", changed=False))
        await forget_seven(seen)
        if not changed:
            seen.press("node-0")
            await seen.until(lambda: seen.room.head == 0)
        await seen.until(lambda: seen.actions == set(allowed("reviewing", changed=changed)), "the buttons of the state")

    play(story)


def test_every_action_of_a_person_has_words_and_a_meaning() -> None:
    actions = {action for state in TRANSITIONS for changed in (True, False) for action in allowed(state, changed=changed)}
    assert actions == set(WORDS) <= set(MEANINGS)


def test_while_it_unlearns_there_is_one_button_and_the_numbers_move() -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        await seen.sees("125 of 1,258")
        seen.press("do-start")
        await seen.until(lambda: seen.actions == {"interrupt"})
        await seen.sees("live")
        await seen.sees("of at most 40")
        seen.press("do-interrupt")
        await seen.until(lambda: "continue" in seen.actions)

    play(story, MemoryRoom(id="long", steps=40, pause=0.05))


def test_undo_shows_the_same_numbers_as_before() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        before = numbers(seen)
        seen.press("do-continue")
        await seen.until(lambda: seen.room.head == 2 and numbers(seen) != before)
        seen.press("do-undo")
        await seen.until(lambda: seen.room.head == 1 and numbers(seen) == before)
        await seen.sees("Undone: iteration 1 is in force.")
        seen.user.find("Back to iteration 2").click()
        await seen.until(lambda: seen.room.head == 2)
        kinds = [type(step).__name__ for step, *_ in seen.room.acted]
        assert kinds == [Start.__name__, Continue.__name__, Undo.__name__, "Go"]

    play(story)


def numbers(seen: Seen) -> str:
    """The markup of the table."""
    with seen.user:
        return next(
            one.content
            for one in seen.user.current_layout.descendants()
            if "wb-table-box" in one.classes and hasattr(one, "content")
        )


def test_the_dial_moves_the_numbers_and_keep_makes_an_iteration() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        dial = seen.named("Strength of the change, 0 leaves the base, 1 is as trained")
        with seen.user:
            dial.value = 0.5
        await seen.sees("Looking at strength 0.50")
        await seen.sees("48.50%")
        assert seen.room.head == 1, "to look is not to keep"
        seen.press("do-commit")
        await seen.until(lambda: seen.room.head == 2)
        step = seen.room.acted[-1][0]
        assert isinstance(step, Commit)
        assert step.strength == 0.5
        await seen.until(lambda: "Looking at" not in seen.text and dial.value == 0.5)

    play(story)


def test_of_many_moves_of_the_dial_only_the_newest_are_asked_for() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        dial = seen.named("Strength of the change, 0 leaves the base, 1 is as trained")
        seen.room.pause = 0.1
        for place in range(20):
            with seen.user:
                dial.value = 0.05 * place
        await seen.sees("Looking at strength 0.95")
        assert len(seen.room.dialled) <= 3
        assert seen.room.dialled[-1] == pytest.approx(0.95)

    play(story)


def test_a_decision_on_an_old_version_is_told_and_loses_nothing() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        with seen.user:
            seen.named("Intensity, from 0, nothing, to 1, strongest").value = 0.8
        latest = views.Deed(actor="ann", action="undo", time="2026-11-25T03:12:00+00:00")
        seen.room.refuse = Stale(latest, seen.room.version, seen.room.version - 1)
        seen.press("do-adjust")
        await seen.sees("Not done: ann did “undo” at 03:12 UTC meanwhile.")
        seen.press("look")
        await seen.until(lambda: "Not done" not in seen.text)
        seen.press("do-adjust")
        await seen.until(lambda: seen.room.head == 2)
        step = seen.room.acted[-1][0]
        assert isinstance(step, Adjust)
        assert step.intensity == 0.8

    play(story)


def test_what_others_do_is_seen_and_told() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        await seen.room.act(Undo(action="undo", why="too much"), version=seen.room.version, actor="ann")
        await seen.sees("ann did “undo” at 03:04 UTC: too much")
        await seen.until(lambda: "undo" not in seen.actions)

    play(story)


def test_a_refusal_is_one_line_beside_the_buttons() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        seen.room.refuse = RequestError("rank 64 is larger than layer 'head' allows (32). Choose rank <= 32.")
        seen.press("do-adjust")
        await seen.sees("rank 64 is larger than layer 'head' allows (32). Choose rank <= 32.")
        assert seen.room.head == 1
        seen.press("do-continue")
        await seen.until(lambda: seen.room.head == 2 and "rank 64" not in seen.text)

    play(story)


def test_a_press_without_a_target_says_what_is_missing() -> None:
    async def story(seen: Seen) -> None:
        seen.press("do-start")
        await seen.sees("no target is named")
        assert seen.room.acted == []

    play(story)


def test_a_double_press_decides_once() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        seen.press("do-continue")
        seen.press("do-continue")
        await seen.until(lambda: seen.room.head == 2)
        assert [type(step) for step, *_ in seen.room.acted] == [Start, Continue]
        keys = [key for *_, key in seen.room.acted]
        assert len(set(keys)) == len(keys)

    play(story)


def test_stopping_asks_first_and_then_nothing_can_be_decided() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        seen.press("do-stop")
        await seen.sees("Stop this session?")
        assert seen.room.state == "reviewing"
        seen.user.find("Stop it").click()
        await seen.sees("This session is closed.")
        assert seen.actions == set()

    play(story)


def test_a_crash_is_told_and_the_work_begins_again() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        seen.room.tell(views.Crash(words="The process that works has died. Begin again at iteration 1."))
        await seen.sees("The process that works has died.")
        seen.press("restart")
        await seen.until(lambda: "has died" not in seen.text)

    play(story)


def test_two_iterations_are_compared_on_the_spot() -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        seen.press("do-continue")
        await seen.until(lambda: seen.room.head == 2)
        await seen.presses("mark-0")
        await seen.presses("mark-2")
        await seen.sees("0 and 2 marked")
        seen.user.find("Compare here").click()
        await seen.sees("Iteration 2 compared with the base")

    play(story)


def test_a_reload_in_the_middle_shows_the_training() -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        await seen.sees("125 of 1,258")
        seen.press("do-start")
        await seen.until(lambda: seen.actions == {"interrupt"})
        await seen.open()
        assert seen.actions == {"interrupt"}
        await seen.until(lambda: "continue" in seen.actions)
        await seen.sees("24.2%")

    play(story, MemoryRoom(id="reloaded", steps=20, pause=0.05))


@pytest.mark.parametrize("name", ['<img src=x onerror="alert(1)">', "<script>alert(1)</script>"])
def test_texts_of_others_stay_texts(name: str) -> None:
    async def story(seen: Seen) -> None:
        await forget_seven(seen)
        await seen.room.act(Continue(action="continue", why=name), version=seen.room.version, actor=name)
        await seen.until(lambda: seen.room.head == 2)
        with seen.user:
            markup = [one.content for one in seen.user.current_layout.descendants() if hasattr(one, "content")]
        assert not [text for text in markup if "<img" in text or "<script" in text]

    play(story, MemoryRoom(id=f"named-{len(name)}", name=name))


def test_a_session_that_is_not_there_is_said_in_one_line() -> None:
    async def story(seen: Seen) -> None:
        await seen.user.open("/session/none")
        await seen.sees("there is no session 'none'; open one from the library.")

    play(story)
