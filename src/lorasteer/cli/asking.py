"""From what was typed to records: targets, directions, requests and settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from lorasteer.cli.options import DirectionWords, RequestWords, TargetWords
from lorasteer.errors import PlanError, RequestError, UserError
from lorasteer.records import Direction, Record, Request, Settings, Target, first_problem

R = TypeVar("R", bound=Record)


def target_of(words: TargetWords) -> Target:
    """The target that the options name.

    Raises:
        RequestError: Not exactly one way to name it was used.
    """
    given = [words.forget, words.where, words.keyword, words.ids, words.ids_file, words.random is not None]
    ways = sum(bool(way) for way in given)
    if ways != 1:
        raise RequestError(
            f"the target was given in {ways} ways; allowed is exactly one of --forget, --where, --keyword, --ids, --ids-file, "
            "--random. Say what to forget, for example with --forget CLASS."
        )
    file = str(words.ids_file) if words.ids_file else None
    classes, ids = tuple(words.forget or ()), listed(words.ids)
    return _made(
        Target, classes=classes, where=words.where, keyword=words.keyword, ids=ids, ids_file=file, random=words.random
    )  # fmt: skip


def has_target(words: TargetWords) -> bool:
    """Whether any option names a target."""
    return words != TargetWords()


def direction_of(words: DirectionWords) -> Direction | None:
    """The direction that the options name; None where they name none.

    Raises:
        RequestError: The options do not go together.
    """
    if not any((words.attribute, words.value, words.positive, words.negative, words.sentence)):
        return None
    return _made(
        Direction, attribute=words.attribute, values=tuple(words.value or ()), descending=words.descending,
        positive=listed(words.positive), negative=listed(words.negative), sentence=words.sentence,
    )  # fmt: skip


def request_of(target: Target, **values: Any) -> Request:
    """A request.

    Raises:
        RequestError: A value is out of range.
    """
    return _made(Request, target=target, **values)


def asked_for(words: RequestWords) -> Request:
    """The request that the options make.

    Raises:
        RequestError: The target is not named in exactly one way, or a value is out of range.
        PlanError: The method is unknown, or a setting is not `name=value`.
    """
    target, direction = target_of(words.target), direction_of(words.direction)
    settings = method_settings(words.method, words.setting)
    return request_of(
        target, intensity=words.intensity, direction=direction, method=words.method, settings=settings, aim=words.aim,
        seed=words.seed,
    )  # fmt: skip


def listed(text: str | None) -> tuple[str, ...]:
    """Words between commas.

    Example:
        >>> listed("a, b"), listed(None)
        (('a', 'b'), ())
    """
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def numbers(text: str, *, what: str) -> tuple[int, ...]:
    """Whole numbers between commas.

    Raises:
        RequestError: A word is no whole number from 0 on, or there is none.
    """
    words = listed(text)
    wrong = [word for word in words if not word.isdecimal()]
    if wrong or not words:
        raise RequestError(f"{what} is {text!r}; allowed are whole numbers with commas between, such as 0,1,2. Correct it.")
    return tuple(map(int, words))


def method_settings(method: str, pairs: Sequence[str] | None) -> dict[str, Any]:
    """Settings of a method from `name=value` words; which names and values are allowed is the method's to say.

    Raises:
        PlanError: The method is unknown, or a word is not `name=value`.
    """
    from lorasteer.methods import settings_kind

    kinds = [settings_kind(method, task) for task in ("vision", "language")]  # which of them it will be, the base says later
    return {name: _value(kinds, name, value) for name, value in pairs_of(pairs).items()}


def pairs_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """`name=value` words as a table.

    Raises:
        PlanError: A word is not `name=value`.
    """
    found = {}
    for pair in pairs or ():
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise PlanError(f"setting {pair!r} is not name=value. Write it like epochs=5.")
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def plain(text: str) -> Any:
    """A typed value: a number, true, false or none where it reads like one, else the text.

    Example:
        >>> plain("8"), plain("1e-3"), plain("true"), plain("None"), plain("kl")
        (8, 0.001, True, None, 'kl')
    """
    if text.lower() == "none":
        return None
    try:
        value = json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


def _value(kinds: Sequence[type[Settings]], name: str, text: str) -> Any:
    annotations = [kind.model_fields[name].annotation for kind in kinds if name in kind.model_fields]
    many = any(get_origin(part) is tuple for whole in annotations for part in (whole, *get_args(whole)))
    return listed(text) if many else plain(text)


def _made(kind: type[R], **values: Any) -> R:
    try:
        return kind(**values)
    except ValidationError as error:
        raise _refusal(kind, error) from error


def _refusal(kind: type[Record], error: ValidationError) -> UserError:
    problem = error.errors(include_url=False)[0]
    if problem["loc"]:
        return RequestError(f"{kind.__name__.lower()}: {first_problem(error)}. Correct this value.")
    return RequestError(f"{kind.__name__.lower()}: {problem['msg'].removeprefix('Value error, ')}.")
