"""What is offered, and what is typed, without a terminal."""

from __future__ import annotations

import pytest

from lorasteer.cli.steering.keys import KEYS, offered, table_of
from lorasteer.errors import SessionError
from lorasteer.session.rehearsal import step_of
from lorasteer.session.states import BY_THE_WORK, MEANINGS, TRANSITIONS, allowed

ELSEWHERE = {"dial"}  # it has the arrows


def test_every_action_of_the_table_has_one_key_and_no_key_is_used_twice() -> None:
    own = [key.action for key in KEYS]
    assert set(MEANINGS) - BY_THE_WORK - ELSEWHERE == set(own) - {"compare", "export", "leave", "help"}
    assert len(own) == len(set(own)) == len({key.key for key in KEYS})


@pytest.mark.parametrize("state", TRANSITIONS)
@pytest.mark.parametrize("changed", [True, False])
def test_the_bar_offers_what_the_table_allows_and_nothing_else(state: str, changed: bool) -> None:
    actions = allowed(state, changed=changed)
    shown = {key.action for key in offered(actions, state, iterations=True)}
    assert shown & set(MEANINGS) == set(actions) - ELSEWHERE


@pytest.mark.parametrize(
    ("action", "text", "expected"),
    [
        ("adjust", "0.8 method=zeroing", {"intensity": 0.8, "method": "zeroing"}),
        ("adjust", "forget=7,3 set.rank=4", {"forget": ("7", "3"), "settings": {"rank": 4}}),
        ("adjust", "where='class == 7' why='too weak'", {"where": "class == 7", "why": "too weak"}),
        (
            "adjust",
            "direction.attribute=slant direction.descending=true",
            {"direction": {"attribute": "slant", "descending": True}},
        ),
        ("also", "forget=3", {"forget": "3"}),
        ("goal", "0.05 tries=3 retain-loss-at-most=0.01", {"forget_at_most": 0.05, "tries": 3, "retain_loss_at_most": 0.01}),
        ("go", "0", {"number": 0}),
        ("combine", "2 4", {"one": 2, "other": 4}),
        ("export", "a folder", {"folder": "a folder"}),
    ],
)
def test_a_typed_line_is_a_step(action: str, text: str, expected: dict[str, object]) -> None:
    table = table_of(action, text)
    assert table == {"action": action, **expected}
    assert step_of(table).action == action


@pytest.mark.parametrize(
    ("action", "text", "words"),
    [
        ("go", "x", "one whole number"),
        ("compare", "1", "two whole numbers"),
        ("adjust", "where='class", "Close the quotation marks"),
        ("adjust", "colour=red", "there is no 'colour'"),
        ("adjust", "intensity=3", "less than or equal to 1"),
        ("goal", "intensity=0.5", "there is no 'intensity'"),
    ],
)
def test_a_line_that_is_no_step_is_refused(action: str, text: str, words: str) -> None:
    with pytest.raises(SessionError, match=words):
        step_of(table_of(action, text))
