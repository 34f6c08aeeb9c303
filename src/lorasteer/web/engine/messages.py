"""What goes through the pipe between the server and the process that works. All of it can be pickled."""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from lorasteer.errors import LorasteerError
from lorasteer.web import views


class WorkError(LorasteerError):
    """Something broke in the process that works which is nobody's request; the message says what, its log says where."""


class Crashed(LorasteerError):  # noqa: N818 - what happened to the process
    """The process that works has ended; what was asked of it is not answered."""


@dataclass(frozen=True)
class Call:
    """Something to be done.

    Args:
        id: Number that the answer will bear.
        run: Session it is for; empty where it is for none.
        what: Name of the work.
        facts: Its arguments.
    """

    id: int
    run: str
    what: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Interrupt:
    """Stop what a session trains, or what it waits to do, and keep what is made.

    Args:
        id: Number that the answer will bear.
        run: The session.
        actor: Who asks.
    """

    id: int
    run: str
    actor: str


@dataclass(frozen=True)
class Close:
    """End the process. What it does is cut off; what it finished is kept."""


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Args:
        id: Number of the call.
        value: The answer, where nothing went wrong.
        error: What went wrong.
    """

    id: int
    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class News:
    """How a session stands now; only the newest of each kind is worth knowing.

    Args:
        run: The session.
        told: What a listener hears.
    """

    run: str
    told: views.SessionView | views.Progress | views.MapPoints | views.MapFrame

    @property
    def slot(self) -> Hashable:
        """News of the same slot takes the place of this one."""
        return self.run, type(self.told)


@dataclass(frozen=True)
class Waiting:
    """What a session waits for.

    Args:
        run: The session.
        words: In words; empty where it waits no longer.
    """

    run: str
    words: str

    @property
    def slot(self) -> Hashable:
        """As that of `News`."""
        return self.run, Waiting


@dataclass(frozen=True)
class Made:
    """News of a base that is being trained.

    Args:
        base: Its id.
        share: How much is done; None when it is over.
    """

    base: str
    share: float | None

    @property
    def slot(self) -> Hashable:
        """As that of `News`."""
        return self.base, Made


Told = Answer | News | Waiting | Made
"""What the process that works says."""


def whole(error: Exception) -> Exception:
    """An error that arrives as what it is; one that cannot travel arrives as its words."""
    try:
        again = pickle.loads(pickle.dumps(error))
        if type(again) is type(error) and str(again) == str(error):
            return error
    except Exception:  # whatever pickle could not do, the words are left
        pass
    return WorkError(f"{type(error).__name__}: {error}")
