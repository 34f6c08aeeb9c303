"""The next request as a person is writing it: kept by the page, sent with a decision, never lost by news."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, Self

from lorasteer.records import Direction, Record, Request
from lorasteer.session.steps import Adjust, Also, Asking, Start

Way = Literal["classes", "where", "ids"]
Value = bool | int | float | str | tuple[str, ...] | None
_ASKING: dict[str, type[Start] | type[Adjust] | type[Also]] = {"start": Start, "adjust": Adjust, "also": Also}


class Draft(Record):
    """What the form says. The ways to name a target are kept beside each other, so that to look at another loses nothing."""

    way: Way = "classes"
    """The way that counts."""
    classes: tuple[str, ...] = ()
    """Classes to forget."""
    where: str = ""
    """Predicate on class and attributes."""
    ids: tuple[str, ...] = ()
    """Ids of training examples."""
    intensity: float = 0.5
    """How strongly, 0 to 1."""
    direction: Direction | None = None
    """Meaning inside the target."""
    method: str = "lora-ihl"
    """Registered method."""
    settings: dict[str, Value] = {}
    """Settings that were set by hand."""
    aim: Literal["auto", "remove", "match-unseen"] = "auto"
    """Where to stop."""
    seed: int = 0
    """Seed of everything random."""

    @classmethod
    def of(cls, request: Request | None) -> Self:
        """The form filled in with what was asked for."""
        if request is None:
            return cls()
        target = request.target
        way: Way = "where" if target.where else "ids" if target.ids else "classes"
        return cls(
            way=way, classes=target.classes, where=target.where or "", ids=target.ids, intensity=request.intensity,
            direction=request.direction, method=request.method, settings=request.settings, aim=request.aim, seed=request.seed,
        )  # fmt: skip

    @property
    def complete(self) -> bool:
        """Whether a target is named."""
        return bool(getattr(self, self.way))

    def with_(self, **facts: object) -> Self:
        """The draft with some of its facts changed, checked as a new one is."""
        return type(self).model_validate({**dict(self), **facts})

    def toggled(self, name: str) -> Self:
        """The draft with a class more, or less.

        Example:
            >>> Draft(classes=("7",)).toggled("1").toggled("7").classes
            ('1',)
        """
        kept = tuple(one for one in self.classes if one != name)
        return self.with_(way="classes", classes=kept if name in self.classes else (*kept, name))

    def step(self, action: Literal["start", "adjust", "also"], *, why: str = "") -> Start | Adjust | Also:
        """The decision that asks for it."""
        ways = {"classes": "forget", "where": "where", "ids": "ids"}
        kind = _ASKING[action]
        return kind.model_validate({"action": action, "why": why, ways[self.way]: getattr(self, self.way), **self._named()})

    def request(self) -> Request:
        """The request that it makes.

        Raises:
            RequestError: No target is named.
        """
        target = self.step("start").target if self.complete else None
        return Asking.model_validate(self._named()).request(None) if target is None else Request(target=target, **self._named())

    def _named(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("intensity", "direction", "method", "settings", "aim", "seed")}


def predicate(attribute: str, values: Iterable[str]) -> str:
    """A condition on one attribute; names are quoted where they have to be.

    Example:
        >>> predicate("class", ["cat", "Persian cat"])
        'class in {cat, "Persian cat"}'
        >>> predicate("style", ["bold"])
        'style == bold'
    """
    names = [quoted(value) for value in values]
    return f"{quoted(attribute)} == {names[0]}" if len(names) == 1 else f"{quoted(attribute)} in {{{', '.join(names)}}}"


def quoted(name: str) -> str:
    r"""A name as predicates write it.

    Example:
        >>> quoted("cat"), quoted('a "b"'), quoted("not")
        ('cat', '"a \\"b\\""', '"not"')
    """
    plain = bool(name) and name.isascii() and all(one.isalnum() or one in "_.+-/:" for one in name)
    return name if plain and name not in {"and", "or", "not", "in"} else json.dumps(name, ensure_ascii=False)
