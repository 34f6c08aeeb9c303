"""News of a training while it runs: the newest step, no more often than a person can read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from lorasteer.session import Session
from lorasteer.tasks.training import Progress
from lorasteer.web import views

EVERY = 0.1
"""Seconds between two pieces of news, at least."""


class Watch:
    """Watches the training of one session.

    Args:
        session: The session.
        tell: Told of some of its steps, the first and the last among them.
    """

    def __init__(self, session: Session, tell: Callable[[views.Progress], None]) -> None:
        self.session, self._tell = session, tell
        self.begin()

    def begin(self) -> None:
        """A training begins now."""
        self._since, self._told = time.monotonic(), -math.inf

    def step(self, progress: Progress) -> None:
        """A step was taken."""
        now = time.monotonic()
        if now - self._told < EVERY and progress.step < progress.steps:
            return
        self._told = now
        self._tell(
            views.Progress(
                step=progress.step,
                steps=progress.steps,
                epoch=progress.epoch,
                epochs=progress.epochs,
                loss=progress.loss if math.isfinite(progress.loss) else None,
                seconds=round(now - self._since, 3),
            )
        )
