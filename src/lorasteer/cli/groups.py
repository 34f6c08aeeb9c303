"""Options that go together as one parameter of a command: a record whose fields become options of their own, in its place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let Typer see the options of each group that a command takes; the command gets the groups, filled.

    Args:
        command: A parameter whose type is a dataclass is a group. All fields of a group have defaults, and may be groups again.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Size:
        ...     width: int = 2
        ...     height: int = 3
        >>> def draw(name: str, *, size: Size) -> None:
        ...     print(name, size.width * size.height)
        >>> list(inspect.signature(grouped(draw)).parameters)
        ['name', 'width', 'height']
        >>> grouped(draw)(name="box", width=4, height=3)
        box 12
    """
    kinds = get_type_hints(command, include_extras=True)
    given = inspect.signature(command)

    @functools.wraps(command)
    def called(**values: Any) -> None:
        command(**{name: _filled(kinds[name], name, values) for name in given.parameters})

    options = [each for one in given.parameters.values() for each in _options(one.name, kinds[one.name], one.default)]
    called.__signature__ = given.replace(parameters=options)  # type: ignore[attr-defined]
    called.__annotations__ = {option.name: option.annotation for option in options}
    return called


def _options(name: str, kind: Any, default: Any) -> Iterator[inspect.Parameter]:
    """The parameter itself, or those of its group."""
    if not is_dataclass(kind):
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        return
    kinds = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        yield from _options(field.name, kinds[field.name], field.default)


def _filled(kind: Any, name: str, values: Mapping[str, Any]) -> Any:
    if not is_dataclass(kind):
        return values[name]
    kinds = get_type_hints(kind, include_extras=True)
    made: Any = kind
    return made(**{field.name: _filled(kinds[field.name], field.name, values) for field in fields(kind)})
