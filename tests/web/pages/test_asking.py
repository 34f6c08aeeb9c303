"""What a person asks for on the workbench page: target, plan, method, goal, direction."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.web.pages.room import MemoryRoom
from tests.web.pages.simulated import SEVEN, Seen, play

PLANS: list[tuple[str, object, str]] = [("epochs", 3, "epochs"), ("margin", 0.9, "margin")]


@pytest.mark.parametrize(("label", "value", "setting"), PLANS)
def test_the_plan_can_be_changed_and_given_back_to_the_intensity(label: str, value: object, setting: str) -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        await seen.sees("125 of 1,258")
        field = seen.named(label)
        planned = field.value
        with seen.user:
            field.value = value
        await seen.until(lambda: not _waits(seen), "the plan")
        seen.press("do-start")
        await seen.until(lambda: seen.room.head == 1)
        assert seen.room.acted[0][0].settings == {setting: value}
        seen.click(f"{label} as the intensity says")
        await seen.until(lambda: field.value == planned)

    play(story)


def _waits(seen: Seen) -> bool:
    return "125 of 1,258" not in seen.text


def test_another_method_brings_its_own_settings() -> None:
    async def story(seen: Seen) -> None:
        with seen.user:
            seen.named("Method").value = "logit-mask"
        await seen.sees("Lower the output bias of the forgotten classes")
        await seen.sees("This method has nothing that intensity could set.")
        seen.click(SEVEN)
        await seen.sees("125 of 1,258")
        seen.press("do-start")
        await seen.until(lambda: seen.room.head == 1)
        assert (seen.room.acted[0][0].method, seen.room.acted[0][0].settings) == ("logit-mask", {})

    play(story)


def test_a_condition_on_attributes_selects_and_a_wrong_one_is_explained() -> None:
    async def story(seen: Seen) -> None:
        condition: Callable[[], object] = lambda: seen.named("Condition on class and attributes")  # noqa: E731
        with seen.user:
            seen.named("Ways to name the target").value = "where"
            condition().value = "class == 7 and ink > 80"  # type: ignore[attr-defined]
        await seen.sees(" of 1,258 training examples")
        with seen.user:
            condition().value = "class = 7"  # type: ignore[attr-defined]
        await seen.sees("Write == for equality.")

    play(story)


def test_a_goal_is_searched_for_the_target_of_the_form() -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        await seen.sees("125 of 1,258")
        with seen.user:
            seen.named("still recognised at most").value = 2.0
        seen.user.find("Search for a plan").click()
        await seen.until(lambda: seen.room.head == 1)
        (_, request, goal, seconds, tries), *_ = seen.room.acted[0]
        assert (request.target.classes, goal.forget_at_most, seconds, tries) == (("7",), 0.02, 60, 8)

    play(story)


def test_examples_make_a_direction() -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        with seen.user:
            seen.named("Ways to name the direction").value = "examples"
            seen.named("Words that find examples").value = "7"
        thumb = f"7, id {seen.room.points.ids[seen.room.points.labels.index(7)]}, "
        await seen.until(lambda: bool([1 for one in _names(seen) if one == thumb + "not marked"]))
        seen.click(thumb + "not marked")
        await seen.sees("1 show it, 0 do not. Mark some of each.")
        other = next(name for name in _names(seen) if name.endswith("not marked"))
        seen.click(other)
        seen.click(other.replace("not marked", "positive"))
        await seen.sees("1 show it, 1 do not.")

    play(story)


def _names(seen: Seen) -> list[str]:
    with seen.user:
        return [str(one.props["aria-label"]) for one in seen.user.current_layout.descendants() if "aria-label" in one.props]


def test_a_page_that_is_loaded_anew_has_the_draft() -> None:
    async def story(seen: Seen) -> None:
        seen.click(SEVEN)
        with seen.user:
            seen.named("Intensity, from 0, nothing, to 1, strongest").value = 0.8
        await seen.open()
        assert seen.named("Intensity, from 0, nothing, to 1, strongest").value == 0.8
        assert seen.named(SEVEN).props["aria-pressed"] == "true"

    play(story, MemoryRoom(id="kept"))
