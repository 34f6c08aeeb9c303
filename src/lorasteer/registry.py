"""One generic table: name -> factory + facts. Methods, metrics, models and data sources are registered the same way.

Whoever chooses (the planner, the CLI, the contract tests, the docs) asks an entry for its facts; nobody compares names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from lorasteer.errors import PlanError, choices

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered thing: its name, what makes it, one line about it, and its facts."""

    name: str
    factory: T
    summary: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, fact: str) -> Any:
        return self.facts[fact]


class Registry(Generic[T]):
    """Names to entries, filled by decorators and, on first look, by installed packages.

    Args:
        kind: What the entries are, in the singular, for error messages ("method").
        allowed_facts: Facts an entry may state; those with a default may be left out, the others must be given.
        entry_point_group: Packages that declare this group are imported before the first look-up.
        required_facts: Facts without a default.
        populate: Called once before the first look-up, to import the built-in entries.

    Example:
        >>> shapes = Registry("shape", allowed_facts={"corners": 0})
        >>> @shapes.add("square", corners=4)
        ... class Square:
        ...     "Four equal sides."
        >>> shapes["square"].facts["corners"], shapes["square"].summary
        (4, 'Four equal sides.')
    """

    def __init__(
        self,
        kind: str,
        *,
        allowed_facts: Mapping[str, Any] | None = None,
        required_facts: tuple[str, ...] = (),
        entry_point_group: str | None = None,
        populate: Callable[[], None] | None = None,
    ) -> None:
        self.kind = kind
        self._defaults = dict(allowed_facts or {})
        self._required = required_facts
        self._group = entry_point_group
        self._populate = populate
        self._entries: dict[str, Entry[T]] = {}
        self._ready = False
        self.failures: dict[str, str] = {}

    def add(self, name: str, *, summary: str | None = None, **facts: Any) -> Callable[[T], T]:
        """Register the decorated class or function under `name` with its facts.

        Args:
            name: Lower-case words joined by hyphens.
            summary: One line; the first line of the docstring when left out.
            **facts: Every required fact, and any allowed one.

        Raises:
            ValueError: The name is malformed or taken, or a fact is missing or unknown. A bug of the author, so not a UserError.
        """

        def register(factory: T) -> T:
            self._check(name, facts)
            line = summary or (getattr(factory, "__doc__", None) or "").strip().split("\n")[0]
            self._entries[name] = Entry(name, factory, line, {**self._defaults, **facts})
            return factory

        return register

    def _check(self, name: str, facts: Mapping[str, Any]) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.kind} name {name!r} must be lower-case words joined by hyphens")
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        missing = [fact for fact in self._required if fact not in facts]
        unknown = [fact for fact in facts if fact not in self._defaults and fact not in self._required]
        if missing or unknown:
            raise ValueError(f"{self.kind} {name!r}: missing facts {missing}, unknown facts {unknown}")

    def _load(self) -> None:
        if self._ready:
            return
        self._ready = True
        if self._populate:
            self._populate()
        for point in entry_points(group=self._group) if self._group else ():
            try:
                point.load()
            except Exception as error:  # a broken plug-in must not take the program down; `failures` reports it
                self.failures[point.name] = f"{type(error).__name__}: {error}"

    def __getitem__(self, name: str) -> Entry[T]:
        self._load()
        if name not in self._entries:
            raise PlanError(f"unknown {self.kind} {name!r}. {choices(name, self.names())}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[Entry[T]]:
        self._load()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def names(self, **facts: Any) -> list[str]:
        """Names of all entries whose facts equal, or contain, the given ones, sorted.

        Args:
            **facts: `family="adapter"` compares; for a fact that is a set, `tasks="vision"` asks for membership.
        """
        return [entry.name for entry in self if all(_holds(entry.facts.get(k), v) for k, v in facts.items())]


def _holds(value: Any, wanted: Any) -> bool:
    return wanted in value if isinstance(value, (set, frozenset)) else bool(value == wanted)
