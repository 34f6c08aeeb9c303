"""What pages and the HTTP API know of the work: a house with rooms, one for each open session.

These are the questions and orders that may be put to it; `web/engine` answers them from a process of its own. Every call is a
coroutine that never blocks the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

from lorasteer.errors import SessionError
from lorasteer.records import Request
from lorasteer.session.goal import Goal
from lorasteer.session.steps import AnyStep
from lorasteer.web import views

News = views.SessionView | views.Progress | views.MapPoints | views.MapFrame | views.Crash
"""What a listener of a room hears."""


class Stale(SessionError):  # noqa: N818 - what it is, not that it is an error
    """A decision was based on a version that is no longer the newest.

    Args:
        latest: The last thing that was done, and by whom.
        version: The version now.
        based_on: The version it was based on.
    """

    def __init__(self, latest: views.Deed, version: int, based_on: int) -> None:
        self.latest, self.version, self.based_on = latest, version, based_on
        super().__init__(
            f"{latest.actor} did {latest.action!r} at {latest.time} meanwhile; your decision was based on version {based_on}, "
            f"the session is at {version}. Look at it as it is now, then decide again."
        )

    def __reduce__(self) -> tuple[type[Stale], tuple[views.Deed, int, int]]:
        return type(self), (self.latest, self.version, self.based_on)


class Room(Protocol):
    """One open session."""

    @property
    def id(self) -> str:
        """Id of the run."""
        ...

    @property
    def view(self) -> views.SessionView:
        """The session as it stands; the newest that is known."""
        ...

    @property
    def progress(self) -> views.Progress | None:
        """The newest of a training in progress; None while nothing is trained."""
        ...

    @property
    def points(self) -> views.MapPoints | None:
        """The points of the map; None before the first picture."""
        ...

    @property
    def frame(self) -> views.MapFrame | None:
        """The newest picture of the map."""
        ...

    def listen(self) -> AsyncIterator[News]:
        """News from now on, beginning with how things stand; of each kind only the newest waits for a slow listener."""
        ...

    async def act(self, step: AnyStep, *, version: int, actor: str, key: str = "") -> views.SessionView:
        """Take a decision. Training goes on after this returns: the view then says `unlearning`.

        Args:
            step: What to do.
            version: The version it is based on.
            actor: Who does it, for the log.
            key: The same key again gives the same answer and does nothing twice; empty for none.

        Raises:
            Stale: Somebody did something meanwhile.
            UserError: It is not possible, or not understood; nothing has changed.
        """
        ...

    async def seek(
        self, request: Request, goal: Goal, *, seconds: float, tries: int, version: int, actor: str
    ) -> views.SessionView:
        """Search for a plan that reaches a goal; each try is an iteration. `interrupt` ends the search."""
        ...

    async def interrupt(self, *, actor: str) -> views.SessionView:
        """Stop the training and keep what it has made; needs no version, because stopping is always based on now."""
        ...

    async def dial(self, strength: float) -> views.Findings:
        """The head at another strength, not kept. Of several calls that wait, only the last is answered; others are cancelled."""
        ...

    async def findings(self, number: int, before: int | None = None) -> views.Findings:
        """What is measured of an iteration, compared with its parent or another one."""
        ...

    async def preview(self, step: AnyStep) -> views.Preview:
        """What a request would select and be translated into."""
        ...

    async def example(self, index: int) -> views.ExampleView:
        """One training example, with answers."""
        ...

    async def image(self, index: int, part: Literal["train", "test"] = "train") -> bytes:
        """The picture of an example as PNG."""
        ...

    async def find(self, text: str, limit: int = 60) -> Sequence[views.ExampleView]:
        """Training examples whose class, id or attributes match typed words."""
        ...

    async def picture(self, number: int) -> Sequence[views.MapFrame]:
        """The pictures that were kept of an iteration's way, the settled one last, for the scrubber."""
        ...

    async def export(self, number: int, kind: Literal["adapter", "merged", "report"]) -> tuple[views.Export, Path]:
        """Write something to take away as one file."""
        ...

    async def restart(self) -> views.SessionView:
        """Begin the work again after its process died."""
        ...


class House(Protocol):
    """Everything that is served."""

    async def library(self) -> views.LibraryView:
        """Bases and sessions."""
        ...

    async def begin(self, base: str, *, name: str, actor: str) -> Room:
        """A new session on a base of the library; one that is not ready is trained first."""
        ...

    async def room(self, run: str) -> Room:
        """An open session, opened when it is not; any number of browsers share it.

        Raises:
            StoreError: There is no such run, or it is damaged.
        """
        ...

    async def remove(self, run: str, *, actor: str) -> None:
        """Put a session aside; `restore` brings it back until the workbench is closed."""
        ...

    async def restore(self, run: str) -> None:
        """Bring a session back that was put aside."""
        ...

    async def adopt(self, folder: Path, name: str) -> views.BaseView:
        """Take a base that was uploaded into the library."""
        ...

    async def close(self) -> None:
        """End every process."""
        ...
