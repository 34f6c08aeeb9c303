"""A tiny language that selects examples by their columns: `class == cat and subname in {tabby_cat, "Persian cat"}`.

    expression := conjunction ("or" conjunction)*
    conjunction := condition ("and" condition)*
    condition  := "not" condition | "(" expression ")" | comparison
    comparison := column ("==" | "!=" | "<" | "<=" | ">" | ">=") value | column ["not"] "in" "{" value ("," value)* "}"

Columns and values are words or quoted strings. Text is only ever compared, never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError, choices

Column = NDArray[Any]
Columns = Mapping[str, Column]
Mask = NDArray[np.bool_]

_KEYWORDS = frozenset({"and", "or", "not", "in"})
_ORDERED: dict[str, Callable[[Column, float], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_TOKEN = re.compile(
    r"""(?P<operator>==|!=|<=|>=|<|>) | (?P<mark>[(){},])
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') | (?P<word>[\w.+\-/:]+)""",
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 50
_STEPS = {
    "=": "Write == for equality.",
    "&": "Write and.",
    "|": "Write or.",
    "!": "Write not, or != between a column and a value.",
    '"': "Close the quotation mark.",
    "'": "Close the quotation mark.",
}


def select(text: str, columns: Columns, *, known: Columns | None = None) -> Mask:
    """Whether each example meets a predicate.

    Args:
        text: The predicate.
        columns: Facts of the examples by name, each of shape [n]: numbers, strings or booleans (`true`, `false`).
        known: Columns whose values a predicate may name; `columns` itself when left out. The training part is given here
            when test examples are selected, since a rare value need not occur among them.

    Returns:
        Booleans of shape [n]. A missing number (NaN) meets `!=` and `not in` only.

    Raises:
        RequestError: The text is no predicate (the message gives the position), a column or value does not occur, or a
            name is compared by size.

    Example:
        >>> columns = {"class": np.array(["cat", "dog", "cat"]), "width": np.array([3.0, 5.0, 9.0])}
        >>> select("class == cat and not width > 4", columns).tolist()
        [True, False, False]
    """
    return parse(text).mask(columns, columns if known is None else known)


@dataclass(frozen=True)
class Comparison:
    """One column against one value, or a set of values."""

    column: str
    operator: str
    values: tuple[str, ...]
    at: int = field(default=0, compare=False)

    def names(self) -> set[str]:
        """Columns the expression looks at."""
        return {self.column}

    def mask(self, columns: Columns, known: Columns) -> Mask:
        """Evaluate; see `select` for arguments and errors."""
        for table in (known, columns):
            if self.column not in table:
                where = f" at position {self.at}" if self.at else ""
                raise RequestError(f"unknown column {self.column!r}{where}. {choices(self.column, table)}")
        column, reference = _plain(columns[self.column]), _plain(known[self.column])
        if self.operator in _ORDERED:
            return self._ordered(column)
        member = np.isin(column, self._wanted(reference))
        return ~member if self.operator in ("!=", "not in") else member

    def _ordered(self, column: Column) -> Mask:
        if column.dtype.kind == "U":
            raise RequestError(
                f"column {self.column!r} holds names, which {self.operator!r} cannot order. Use ==, != or in {{…}}."
            )
        with np.errstate(over="ignore"):  # a number beyond a half-precision column compares as infinite
            result: Mask = np.asarray(_ORDERED[self.operator](column, _number(self.column, self.values[0])), bool)
        return result

    def _wanted(self, reference: Column) -> Column:
        if reference.dtype.kind == "U":
            wanted = np.asarray(self.values, np.str_)
        else:
            wanted = np.asarray([_number(self.column, value) for value in self.values])
            with np.errstate(over="ignore"):  # 0.1 written by hand must meet a 0.1 stored in single precision
                wanted = wanted.astype(reference.dtype) if reference.dtype.kind == "f" else wanted
        missing = np.flatnonzero(~np.isin(wanted, reference))
        if len(missing):
            raise RequestError(_unknown_value(self.column, self.values[missing[0]], reference))
        return wanted


@dataclass(frozen=True)
class Negation:
    """Everything its part does not select."""

    part: Expression

    def names(self) -> set[str]:
        """Columns the expression looks at."""
        return self.part.names()

    def mask(self, columns: Columns, known: Columns) -> Mask:
        """Evaluate; see `select` for arguments and errors."""
        return ~self.part.mask(columns, known)


@dataclass(frozen=True)
class Junction:
    """What all (`and`) or any (`or`) of its parts select."""

    word: Literal["and", "or"]
    parts: tuple[Expression, ...]

    def names(self) -> set[str]:
        """Columns the expression looks at."""
        return set().union(*(part.names() for part in self.parts))

    def mask(self, columns: Columns, known: Columns) -> Mask:
        """Evaluate; see `select` for arguments and errors."""
        combine = np.logical_and if self.word == "and" else np.logical_or
        result: Mask = combine.reduce([part.mask(columns, known) for part in self.parts])
        return result


Expression = Comparison | Negation | Junction


def parse(text: str) -> Expression:
    """Read a predicate without evaluating it.

    Raises:
        RequestError: The text is no predicate; the message says what was expected at which position (counted from 1).

    Example:
        >>> parse("subname in {tabby, tiger}")
        Comparison(column='subname', operator='in', values=('tabby', 'tiger'), at=1)
    """
    return _Parser(text).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    def is_name(self) -> bool:
        return self.kind == "quoted" or (self.kind == "word" and self.text not in _KEYWORDS)

    def shows(self, *texts: str) -> bool:
        return self.kind != "quoted" and self.text in texts


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            step = _STEPS.get(text[at], "Quote names that hold other characters than letters, digits and . _ - + / : .")
            raise RequestError(f"predicate {text!r}: cannot read {text[at]!r} at position {at + 1}. {step}")
        kind, word = str(match.lastgroup), match.group()
        found.append(_Token(kind, re.sub(r"\\(.)", r"\1", word[1:-1]) if kind == "quoted" else word, at + 1))
        at = match.end()
    return [*found, _Token("end", "", len(text) + 1)]


class _Parser:
    """Recursive descent over the tokens of one predicate; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._next, self._depth = text, _tokens(text), 0, 0

    def whole(self) -> Expression:
        expression = self._junction("or")
        if self._look().kind != "end":
            raise self._problem("'and', 'or' or the end", "Join comparisons with and / or; quote names with spaces.")
        return expression

    def _look(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _took(self, *texts: str) -> bool:
        found = self._look().shows(*texts)
        self._next += found
        return found

    def _junction(self, word: Literal["and", "or"]) -> Expression:
        parts: list[Expression] = []
        while not parts or self._took(word):
            parts.append(self._junction("and") if word == "or" else self._condition())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _condition(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RequestError(f"predicate nests deeper than {_DEEPEST} levels. Remove brackets or repeated not.")
        result: Expression
        if self._took("not"):
            result = Negation(self._condition())
        elif self._took("("):
            result = self._junction("or")
            self._expect(")", "Close the bracket.")
        else:
            result = self._comparison()
        self._depth -= 1
        return result

    def _comparison(self) -> Comparison:
        column = self._name("a column name", "Write for example class == cat.")
        if self._look().kind == "operator":
            operator = self._take().text
            return Comparison(column.text, operator, (self._value(),), column.at)
        operator = "not in" if self._took("not") else "in"
        if not self._took("in"):
            raise self._problem("==, !=, <, <=, >, >= or in", "Write for example class == cat.")
        return Comparison(column.text, operator, self._set(), column.at)

    def _set(self) -> tuple[str, ...]:
        step = "Write a set as {first, second}."
        self._expect("{", step)
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._expect("}", step)
        return tuple(values)

    def _value(self) -> str:
        return self._name("a value", "Name one value, in quotes if it is one of and, or, not, in or holds spaces.").text

    def _name(self, expected: str, step: str) -> _Token:
        if not self._look().is_name():
            raise self._problem(expected, step)
        return self._take()

    def _expect(self, mark: str, step: str) -> None:
        if not self._took(mark):
            raise self._problem(repr(mark), step)

    def _problem(self, expected: str, step: str) -> RequestError:
        token = self._look()
        got = "the end" if token.kind == "end" else repr(token.text)
        return RequestError(f"predicate {self._text!r}: expected {expected} at position {token.at}, got {got}. {step}")


def _plain(column: Column) -> Column:
    """Booleans and objects as strings; everything else as it is."""
    column = np.asarray(column)
    if column.dtype.kind == "b":
        return np.where(column, "true", "false")
    return column if column.dtype.kind in "Uiuf" else column.astype(np.str_)


def _number(column: str, value: str) -> float:
    for kind in (int, float):  # whole numbers stay exact beyond 2**53
        try:
            return kind(value)
        except ValueError:
            continue
    raise RequestError(f"column {column!r} holds numbers, got {value!r}. Compare it with a number such as 0.5.")


def _unknown_value(column: str, value: str, reference: Column) -> str:
    present = np.unique(reference)
    if present.dtype.kind == "U" or len(present) <= 30:
        return f"column {column!r} has no value {value!r}. {choices(value, [str(one) for one in present.tolist()])}"
    low, high = np.nanmin(present), np.nanmax(present)
    return f"column {column!r} has no value {value}; it runs from {low:.4g} to {high:.4g}. Compare with < or >= instead."
