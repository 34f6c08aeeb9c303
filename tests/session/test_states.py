"""The transition table: complete, closed, and the source of every refusal and of the diagram."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import SessionError
from lorasteer.session.states import (
    BUSY,
    BY_THE_WORK,
    MEANINGS,
    NEED_A_CHANGE,
    NEED_THE_BASE,
    TRANSITIONS,
    after,
    allowed,
    mermaid,
)

ACTIONS = sorted(MEANINGS)
PAIRS = list(product(TRANSITIONS, ACTIONS))


def test_every_action_leads_to_a_state_and_has_a_meaning() -> None:
    named = {action for actions in TRANSITIONS.values() for action in actions}
    assert named == set(MEANINGS)
    assert {goal for actions in TRANSITIONS.values() for goal in actions.values()} <= set(TRANSITIONS)
    assert named >= BY_THE_WORK | NEED_A_CHANGE | NEED_THE_BASE


def test_every_state_is_reached_and_only_the_closed_one_is_an_end() -> None:
    reached, found = {"idle"}, {"idle"}
    while found:
        found = {goal for state in found for goal in TRANSITIONS[state].values()} - reached
        reached |= found
    assert reached == set(TRANSITIONS)
    assert [state for state, actions in TRANSITIONS.items() if not actions] == ["closed"]


def test_whatever_works_can_fail_and_be_found_dead() -> None:
    assert {"unlearning", "evaluating"} == BUSY
    for state in BUSY:
        assert after(state, "failed") == after(state, "recovered") == "reviewing"


@pytest.mark.parametrize(("state", "action"), PAIRS, ids=" ".join)
@pytest.mark.parametrize("changed", [True, False], ids=["changed", "base"])
def test_what_is_allowed_is_what_does_not_refuse(state: str, action: str, changed: bool) -> None:
    try:
        goal = after(state, action, changed=changed)
    except SessionError as refusal:
        message = str(refusal)
        assert action not in allowed(state, changed=changed)
        assert message.startswith(f"cannot {action} now: ")
        assert message.endswith(".")
        assert "\n" not in message
        assert all(possible in message for possible in allowed(state, changed=changed))
    else:
        assert goal == TRANSITIONS[state][action]
        assert (action in allowed(state, changed=changed)) == (action not in BY_THE_WORK)


@given(st.lists(st.sampled_from(ACTIONS), max_size=30))
def test_no_sequence_leaves_the_table(actions: list[str]) -> None:
    state = "idle"
    for action in actions:
        try:
            state = after(state, action)
        except SessionError:
            assert action not in TRANSITIONS[state] or action in NEED_THE_BASE
        assert state in TRANSITIONS


def test_the_diagram_shows_every_transition_once() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.*)$", mermaid(), flags=re.MULTILINE)
    shown = [(state, word.strip("()"), goal) for state, goal, words in drawn for word in words.split(", ")]
    table = [(state, action, goal) for state, actions in TRANSITIONS.items() for action, goal in actions.items()]
    assert sorted(shown) == sorted(table)
    assert mermaid().startswith("stateDiagram-v2\n    [*] --> idle")
    assert mermaid().endswith("closed --> [*]")
