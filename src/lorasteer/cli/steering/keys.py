"""Which key does what: one table. The decision bar offers from it what the session's own table of states allows now."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lorasteer.cli.asking import listed, plain
from lorasteer.errors import SessionError

STEP = 0.05
"""How much strength an arrow adds or takes."""
MOST = 1.5
"""The largest strength."""


@dataclass(frozen=True)
class Key:
    """A key of the decision bar.

    Args:
        key: The key.
        action: What it does: an action of the session's table, or `compare`, `export`, `leave`, `help`.
        label: The word in the bar.
        prompt: What is asked before; empty where it is done at once.
        hint: An example of an answer; empty where nothing is asked.
    """

    key: str
    action: str
    label: str
    prompt: str = ""
    hint: str = ""


KEYS = (
    Key("enter", "start", "start"),
    Key("c", "continue", "continue"),
    Key("a", "adjust", "adjust", "adjust intensity, method, target …", "intensity=0.75 method=lora-ihl set.epochs=3"),
    Key("f", "also", "forget also", "forget also", "forget=3"),
    Key("u", "undo", "undo"),
    Key(
        "g", "goal", "goal", "search for a plan that reaches", "forget-at-most=0.01 retain-loss-at-most=0.005 tries=10 seconds=60"
    ),
    Key("h", "go", "go to", "go to iteration", "1"),
    Key("i", "interrupt", "interrupt"),
    Key("m", "commit", "commit"),
    Key("j", "combine", "join", "join two iterations", "2 3"),
    Key("d", "drop", "drop", "take back the request of iteration", "1"),
    Key("x", "compare", "compare", "compare two iterations", "0 1"),
    Key("e", "export", "export", "write the adapter into folder", "adapter"),
    Key("s", "stop", "stop"),
    Key("q", "leave", "leave"),
    Key("?", "help", "help"),
)
"""All keys in the order of the bar; the arrows left and right turn the strength dial."""
BUSY = frozenset({"unlearning", "evaluating"})
"""States in which nothing but `interrupt` is offered, and help."""


def offered(allowed: Collection[str], state: str, *, iterations: bool) -> tuple[Key, ...]:
    """Keys that do something now.

    Args:
        allowed: Actions that the session's table allows.
        state: Its state.
        iterations: Whether there is any iteration to compare or to export.

    Example:
        >>> [key.key for key in offered(("interrupt",), "unlearning", iterations=False)]
        ['i', '?']
    """
    own = {"help"} if state in BUSY else {"help", "leave"}
    if iterations and state not in BUSY:
        own |= {"compare", "export"}
    return tuple(key for key in KEYS if key.action in own or key.action in allowed)


def table_of(action: str, text: str) -> dict[str, object]:
    """The table of a step, from what was typed.

    Args:
        action: What is asked for.
        text: The answer.

    Raises:
        SessionError: The words are not what this action takes.

    Example:
        >>> table_of("adjust", "0.75 set.epochs=2"), table_of("compare", "0 2")
        ({'action': 'adjust', 'intensity': 0.75, 'settings': {'epochs': 2}}, {'action': 'compare', 'before': 0, 'after': 2})
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SessionError(f"{text!r} cannot be read: {error}. Close the quotation marks.") from error
    if action in NUMBERS:
        return {"action": action, **_numbers(words, NUMBERS[action])}
    if action == "export":
        return {"action": action, "folder": " ".join(words)}
    return {"action": action, **_named(words, ALONE.get(action, "intensity"))}


NUMBERS: Mapping[str, tuple[str, ...]] = {
    "go": ("number",), "drop": ("number",), "combine": ("one", "other"), "compare": ("before", "after"),
}  # fmt: skip
"""Actions that take iterations, and what these are called in a step."""


ALONE: Mapping[str, str] = {"goal": "forget_at_most"}
"""What a number alone means where it is no intensity."""


def _numbers(words: list[str], names: tuple[str, ...]) -> dict[str, int]:
    if len(words) != len(names) or not all(word.isdecimal() for word in words):
        wanted = "one whole number" if len(names) == 1 else "two whole numbers with a blank between"
        raise SessionError(f"got {' '.join(words)!r}; give {wanted}, the iterations meant.")
    return dict(zip(names, map(int, words), strict=True))


def _named(words: list[str], alone: str) -> dict[str, object]:
    """`name=value` words; a number alone is what `alone` says, `set.NAME` a setting, `direction.NAME` a part of the direction."""
    found: dict[str, object] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            name, value = alone, word
        group, dot, field = name.replace("-", "_").partition(".")
        if dot:
            inner = found.setdefault("settings" if group == "set" else group, {})
            assert isinstance(inner, dict)
            inner[field] = _value(name, value)
        else:
            found[group] = _value(name, value)
    return found


def _value(name: str, text: str) -> object:
    if name in ("forget", "where", "keyword", "method", "aim", "why", "ids_file", "direction.sentence"):
        return listed(text) if name == "forget" and "," in text else text
    return listed(text) if name in ("ids", "direction.values", "direction.positive", "direction.negative") else plain(text)


def edited(text: str, key: str) -> str:
    """A line after a key.

    Example:
        >>> edited("ab", "c"), edited("ab", "backspace"), edited("ab", "left")
        ('abc', 'a', 'ab')
    """
    if key == "backspace":
        return text[:-1]
    return text + key if len(key) == 1 else text
