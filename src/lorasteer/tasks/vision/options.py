"""Calling a registered factory with options a person gave: checked against its signature, with one line when they do not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError, validate_call

from lorasteer.errors import UserError, choices
from lorasteer.records import first_problem

T = TypeVar("T")


def call_checked(
    factory: Callable[..., T], given: tuple[Any, ...], options: Mapping[str, Any], *, what: str, error: type[UserError]
) -> T:
    """Call `factory(*given, **options)`; text is converted to the type each option declares ("32" to 32).

    Args:
        factory: A function whose keyword-only parameters are its options, annotated with types and ranges.
        given: Positional arguments from the program itself; they are not options.
        options: What the person gave.
        what: What is being made, for the message ("model 'mlp'").
        error: Class to raise.

    Raises:
        UserError: Of class `error`: an option is unknown, missing, or has a value that is not allowed.
    """
    known = [name for name, p in inspect.signature(factory).parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise error(f"{what} has no option {name!r}. {choices(name, known) if known else 'It takes none; leave it out.'}")
    try:
        return validate_call(config={"arbitrary_types_allowed": True})(factory)(*given, **options)
    except ValidationError as problem:
        raise error(f"{what}: option {first_problem(problem)}. Give an allowed value.") from problem
