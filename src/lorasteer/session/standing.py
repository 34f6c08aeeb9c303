"""Where a session stands: its state, its head and its log, in memory and in the store alike.

Every transition is one transaction of the store, and is told to the listeners once it is kept.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Self

from pydantic import JsonValue

from lorasteer.changes import Change
from lorasteer.records import Event, Iteration
from lorasteer.session.history import BASE, History
from lorasteer.session.past import Past
from lorasteer.session.states import after, allowed
from lorasteer.tasks.training import Progress

Listener = Callable[[Event | Progress], None]
"""Told of every line of the log as it is written, and of every training step."""

PROGRAM = "lorasteer"
"""The actor of events that no person caused."""

Detail = Mapping[str, JsonValue]


class Standing:
    """The part of a session that is kept. While it is open, no other process writes to its store.

    Args:
        past: What has been made so far, and where it is kept.
        state: A state of the transition table.
        actor: Who steers, for the log.

    Raises:
        StoreError: Another process writes to the store, or another session of this one steers the run.
    """

    def __init__(self, past: Past, state: str, actor: str) -> None:
        self.past, self.state, self.actor = past, state, actor
        self.bench, self.store = past.bench, past.store
        self.listeners: list[Listener] = []
        self.guard = threading.RLock()
        hold = contextlib.ExitStack()
        hold.enter_context(self.store.steering(past.run))
        self.close = weakref.finalize(self, hold.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.past.run

    @property
    def head(self) -> int:
        """The iteration in force; 0 is the untouched base."""
        return self.past.history.head

    @property
    def history(self) -> History:
        """The tree of iterations."""
        return self.past.history

    @property
    def iterations(self) -> tuple[Iteration, ...]:
        """All iterations in the order in which they were made."""
        return tuple(self.past.iterations.values())

    @property
    def current(self) -> Iteration | None:
        """The iteration in force; None while that is the base."""
        return None if self.head == BASE else self.past[self.head]

    @property
    def change(self) -> Change | None:
        """The change in force; None while that is the base."""
        return None if self.head == BASE else self.past.change(self.head)

    @property
    def allowed(self) -> tuple[str, ...]:
        """What a person may do now."""
        return allowed(self.state, changed=self.head != BASE)

    def check(self, action: str) -> str:
        """The state that an action leads to.

        Raises:
            SessionError: It is not the time for it.
        """
        return after(self.state, action, changed=self.head != BASE)

    def move(self, action: str, *, head: int | None = None, actor: str = "", why: str = "", detail: Detail | None = None) -> None:
        """Take a transition: in the store first, then here.

        Args:
            action: An action of the table.
            head: The iteration in force from now on; the same one when left out.
            actor: Who does it; who steers when left out.
            why: The reason, for the log.
            detail: Particulars, for the log.

        Raises:
            SessionError: It is not the time for it.
            StoreError: It cannot be kept; then nothing has changed.
        """
        with self.guard:
            state = self.check(action)
            event = self.store.move(
                self.id, head=head, state=state, actor=actor or self.actor, action=action, why=why, detail=detail
            )
            self.state = state
            if head is not None:
                self.past.history = self.past.history.moved(head)
        self.tell(event)

    def keep(self, iteration: Iteration, change: Change, *, why: str, detail: Detail) -> None:
        """Keep a finished iteration, make it the head and put the person in charge: one transaction.

        Raises:
            StoreError: It cannot be kept; then nothing has changed.
        """
        with self.guard:
            state = self.check("finished")
            event = self.store.add_iteration(
                self.id, iteration, change, change.resume, state=state, actor=PROGRAM, action="finished", why=why, detail=detail
            )
            self.past.add(iteration)
            self.state = state
        self.tell(event)

    def tell(self, message: Event | Progress) -> None:
        """Tell the listeners; one that breaks is told no more, and the work goes on."""
        for listener in tuple(self.listeners):
            try:
                listener(message)
            except Exception as error:  # a picture that cannot be drawn must not cost a training
                self.listeners.remove(listener)
                warnings.warn(f"a listener broke and is told no more: {type(error).__name__}: {error}", stacklevel=2)
