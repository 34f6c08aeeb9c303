"""A script is read and gone through before anything runs; the first mistake is named with its step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorasteer.errors import RequestError, SessionError, StoreError
from lorasteer.records import Request, Target
from lorasteer.session.history import History
from lorasteer.session.rehearsal import check_steps, read_script, steps_of
from lorasteer.session.steps import Adjust, Start

START = {"action": "start", "forget": "7"}


def checked(*tables: dict[str, Any], request: Request | None = None) -> None:
    check_steps(steps_of(list(tables)), request)


def test_a_file_gives_its_steps(tmp_path: Path) -> None:
    path = tmp_path / "steps 猫.toml"
    path.write_text(
        '[[step]]\naction = "start"\nforget = "7"\nsettings = { epochs = 2 }\n\n[[step]]\naction = "undo"\nwhy = "猫"\n'
    )
    start, undo = read_script(path)
    assert isinstance(start, Start)
    assert start.request(None) == Request(target=Target(classes=("7",)), settings={"epochs": 2})
    assert (undo.action, undo.why) == ("undo", "猫")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step = 3", "no step"),
        ("[[step]\n", "is not TOML"),
        ('title = "x"\n[[step]]\naction = "undo"', "has title"),
        ('[[step]]\naction = "undo"\n[[step]]\naction = "undue"', "step 2: action is 'undue'. Did you mean 'undo'?"),
        ('[[step]]\naction = "go"\nnumbr = 2', "step 1 (go): there is no 'numbr'. Did you mean 'number'?"),
        ('[[step]]\naction = "go"', "number is missing"),
        (
            '[[step]]\naction = "commit"\nstrength = 2',
            "step 1 (commit): strength: Input should be less than or equal to 1.5, got 2",
        ),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "steps.toml"
    path.write_text(text)
    with pytest.raises(SessionError) as caught:
        read_script(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read the script"):
        read_script(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([{"action": "undo"}], "step 1 (undo): cannot undo now: the session is idle. Possible now: start"),
        ([{"action": "start"}], "step 1 (start): no target is named"),
        ([{**START, "where": "class == 7"}], "named by forget and where"),
        (
            [START, {"action": "undo"}, {"action": "continue"}],
            "step 3 (continue): cannot continue now: the head is the untouched",
        ),
        ([START, {"action": "go", "number": 4}], "step 2 (go): there is no iteration 4"),
        ([START, {"action": "compare", "before": 1, "after": 2}], "there is no iteration 2"),
        ([START, {"action": "undo"}, {"action": "export", "folder": "out"}], "nothing to export"),
        ([START, {"action": "stop"}, {"action": "undo"}], "step 3 (undo): cannot undo now: the session is closed"),
    ],
)
def test_an_impossible_step_is_found_beforehand(tables: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(SessionError) as caught:
        checked(*tables)
    assert words in str(caught.value)


def test_a_script_that_can_be_done_passes() -> None:
    checked(
        START, {"action": "continue"}, {"action": "go", "number": 1}, {"action": "adjust", "intensity": 0.2},
        {"action": "strength", "strength": 0.5}, {"action": "commit"}, {"action": "combine", "one": 2, "other": 3},
        {"action": "compare", "before": 0, "after": 5}, {"action": "export", "folder": "a", "number": 5}, {"action": "stop"},
    )  # fmt: skip


def test_the_request_of_the_command_line_is_what_the_first_step_builds_on() -> None:
    checked({"action": "start"}, request=Request(target=Target(classes=("7",))))


def test_what_an_open_session_has_is_known() -> None:
    tree = History({1: 0, 2: 1}, head=2)
    check_steps(steps_of([{"action": "undo"}, {"action": "go", "number": 2}]), state="reviewing", history=tree, first=5)
    with pytest.raises(SessionError, match=r"step 5 \(go\): there is no iteration 3"):
        check_steps(steps_of([{"action": "go", "number": 3}]), state="reviewing", history=tree, first=5)


def test_an_adjustment_keeps_what_it_does_not_name() -> None:
    before = Request(target=Target(classes=("7",)), intensity=0.3, method="lora-ihl", settings={"epochs": 2}, seed=4)
    assert Adjust(action="adjust", intensity=0.9).request(before) == before.model_copy(update={"intensity": 0.9})
    other = Adjust(action="adjust", method="zeroing").request(before)
    assert (other.method, other.settings, other.seed) == ("zeroing", {}, 4)
    moved = Adjust(action="adjust", where="class == 3").request(before)
    assert (moved.target.where, moved.target.classes, moved.settings) == ("class == 3", (), {"epochs": 2})


def test_a_target_in_two_ways_is_refused() -> None:
    with pytest.raises(RequestError, match="forget and random"):
        Adjust(action="adjust", forget="1", random=3).request(None)


def test_what_a_search_will_make_is_not_known_beforehand() -> None:
    goal = {"action": "goal", "forget": "7"}
    checked(
        goal, {"action": "go", "number": 9}, {"action": "continue"}, {"action": "undo"}, {"action": "undo"}, {"action": "start"}
    )
    checked(goal, {"action": "export", "folder": "a"}, {"action": "compare", "before": 0, "after": 3}, {"action": "stop"})
    with pytest.raises(SessionError, match=r"step 1 \(goal\): no target is named"):
        checked({"action": "goal"})
    with pytest.raises(SessionError, match=r"step 3 \(goal\): cannot goal now: the session is closed"):
        checked(goal, {"action": "stop"}, goal)
    with pytest.raises(SessionError, match=r"step 1 \(goal\): there is no 'intensity'"):
        checked({**goal, "intensity": 0.5})
