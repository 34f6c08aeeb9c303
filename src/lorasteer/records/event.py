"""What happened to a run: a log to which lines are only added. Each line's hash covers the line before it."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue

from lorasteer.records.base import Record

GENESIS = "0" * 64
"""What stands for the hash before a run's first event."""


class Event(Record):
    """One line of the log. Change, remove or move a line, and the hashes from there on no longer fit.

    A field that is added here would alter the hashes of all lines ever written; what is new goes into `detail`.
    """

    seq: Annotated[int, Field(ge=1)]
    """Place in the run's log, counted from 1."""
    run: str
    """Id of the run."""
    time: str
    """When it happened, UTC, ISO 8601."""
    actor: str
    """Who did it: a person, a script, or the program itself."""
    action: str
    """What was done: `begin`, `unlearn`, `undo`, `recovered` …"""
    detail: dict[str, JsonValue] = {}
    """Its particulars, among them the head and the state that it led to."""
    why: str = ""
    """Why, in the words of who did it."""
    previous: str
    """Hash of the event before it; 64 zeros for the first."""
    hash: str
    """sha256 of `previous` and the canonical JSON of the rest."""

    @classmethod
    def sealed(cls, *, previous: str = GENESIS, **facts: Any) -> Self:
        """The event with these facts and its hash.

        Example:
            >>> facts = {"run": "r", "time": "t", "actor": "me", "action": "begin"}
            >>> first = Event.sealed(seq=1, **facts)
            >>> Event.sealed(seq=2, previous=first.hash, **facts).fits
            True
        """
        event = cls(previous=previous, hash="", **facts)
        return event.model_copy(update={"hash": event.expected})

    @property
    def expected(self) -> str:
        """The hash that these facts and this `previous` have."""
        rest = self.model_dump(mode="json", exclude={"previous", "hash"})
        return hashlib.sha256((self.previous + json.dumps(rest, sort_keys=True, ensure_ascii=False)).encode()).hexdigest()

    @property
    def fits(self) -> bool:
        """Whether the hash is that of the facts."""
        return self.hash == self.expected
