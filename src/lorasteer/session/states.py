"""What a person may do when: one table. Refusals, buttons, the diagram in the docs and the tests are derived from it."""

from __future__ import annotations

from collections.abc import Mapping

from lorasteer.errors import SessionError

TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "idle": {"start": "unlearning", "goal": "unlearning", "found": "idle", "stop": "closed"},
    "unlearning": {"interrupt": "evaluating", "finished": "evaluating", "failed": "reviewing", "recovered": "reviewing"},
    "evaluating": {"finished": "reviewing", "failed": "reviewing", "recovered": "reviewing"},
    "reviewing": {
        "continue": "unlearning", "adjust": "unlearning", "also": "unlearning", "goal": "unlearning", "start": "unlearning",
        "dial": "reviewing", "commit": "evaluating", "combine": "evaluating", "drop": "evaluating",
        "undo": "reviewing", "go": "reviewing", "found": "reviewing", "stop": "closed",
    },
    "closed": {},
}  # fmt: skip
"""From a state, by an action, to a state."""

MEANINGS: Mapping[str, str] = {
    "start": "ask for an unlearning while the base is in force",
    "continue": "train on from the head, with the state of its training",
    "adjust": "ask for something else: intensity, direction, method, target",
    "also": "forget another target on top of what is forgotten",
    "goal": "try a plan on the way to a goal, from the base",
    "interrupt": "stop the training and keep what it has made",
    "dial": "see the head at another strength, without training and without keeping it",
    "commit": "keep the head at a strength as an iteration",
    "combine": "join two branches into an iteration",
    "drop": "take back one of several targets and keep the others",
    "undo": "move the head to the iteration it went on from",
    "go": "move the head to any iteration, or to the base",
    "stop": "end the session; everything stays to be read and exported",
    "found": "the search for a goal is over; its outcome is in the log",
    "finished": "the training, or the measuring, is done",
    "failed": "it broke off; the head stays where it was, and the error is kept",
    "recovered": "the program had died; the head stays where it was",
}
"""What each action does, in a few words."""

BY_THE_WORK = frozenset({"found", "finished", "failed", "recovered"})
"""Actions that no person takes: the work reports them."""

NEED_A_CHANGE = frozenset({"continue", "also", "dial", "commit", "combine", "drop", "undo"})
"""Actions that make no sense while the head is the untouched base."""

NEED_THE_BASE = frozenset({"start"})
"""Actions that make sense only there; whoever goes back to it, or whose first training broke off, starts again."""

BUSY = frozenset(state for state, actions in TRANSITIONS.items() if "recovered" in actions)
"""States in which the program works; found when a session is opened, they mean that it died."""


def allowed(state: str, *, changed: bool = True) -> tuple[str, ...]:
    """What a person may do in a state.

    Args:
        state: A state of the table.
        changed: Whether a change is in force, so that the head is not the base.

    Example:
        >>> allowed("unlearning"), allowed("reviewing", changed=False)
        (('interrupt',), ('adjust', 'goal', 'start', 'go', 'stop'))
    """
    elsewhere = BY_THE_WORK | (NEED_THE_BASE if changed else NEED_A_CHANGE)
    return tuple(action for action in TRANSITIONS[state] if action not in elsewhere)


def after(state: str, action: str, *, changed: bool = True) -> str:
    """The state that an action leads to.

    Args:
        state: The state now.
        action: What a person, or the work, does.
        changed: Whether a change is in force.

    Raises:
        SessionError: The action is not possible now; the message says which are.

    Example:
        >>> after("unlearning", "interrupt")
        'evaluating'
    """
    if action not in TRANSITIONS[state]:
        raise SessionError(f"cannot {action} now: the session is {state}. {_possible(state, changed)}")
    if action in (NEED_THE_BASE if changed else NEED_A_CHANGE):
        where = "a change is in force" if changed else "the head is the untouched base"
        raise SessionError(f"cannot {action} now: {where}. {_possible(state, changed)}")
    return TRANSITIONS[state][action]


def _possible(state: str, changed: bool) -> str:
    actions = allowed(state, changed=changed)
    return f"Possible now: {', '.join(actions)}." if actions else "It is over; begin or open another one."


def mermaid() -> str:
    """The table as a state diagram in mermaid's language; what the work reports stands in brackets."""
    lines = ["stateDiagram-v2", "    [*] --> idle"]
    for state, actions in TRANSITIONS.items():
        for goal in dict.fromkeys(actions.values()):
            words = [_word(action) for action, to in actions.items() if to == goal]
            lines.append(f"    {state} --> {goal}: {', '.join(words)}")
    return "\n".join([*lines, "    closed --> [*]"])


def _word(action: str) -> str:
    return f"({action})" if action in BY_THE_WORK else action
