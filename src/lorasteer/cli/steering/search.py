"""A search for a goal as the keys see it: one long work of many tries, which a person may end at any moment."""

from __future__ import annotations

import threading

from lorasteer.records import Event


class Search:
    """Whether a goal is being sought, how far that is, and whether the person has seen enough.

    Attributes:
        on: Whether a goal is being sought.
        enough: Set once the person ends it.
    """

    def __init__(self) -> None:
        self.on, self.enough = False, threading.Event()
        self._tries = 0

    def begin(self) -> None:
        """A search begins."""
        self.on, self._tries = True, 0
        self.enough.clear()

    def end(self) -> None:
        """Its answer is there."""
        self.on = False

    def heard(self, event: Event, state: str) -> str:
        """What is being done, after a line of the log.

        Args:
            event: The line.
            state: State of the session after it.
        """
        self._tries += event.action == "goal"
        return f"try {self._tries}: {state if state != 'reviewing' else 'looking at its strengths'}"
