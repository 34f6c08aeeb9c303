"""News of a training while it runs: the newest step, and now and then a look at the model, at a bounded cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from lorasteer.errors import Interrupted
from lorasteer.session import Session
from lorasteer.tasks.activations import halting
from lorasteer.tasks.training import Progress
from lorasteer.web import views
from lorasteer.web.engine.chart import Chart

EVERY = 0.1
"""Seconds between two pieces of news, and between two looks at the model, at least."""
REST = 6
"""A look is followed by at least so many times its own cost without one, so that at most a seventh of the time goes into them."""
READY = 2.0
"""Seconds that a training waits for the first picture of its points; without one there is none until it ends."""


class Watch:
    """Watches the training of one session.

    Args:
        session: The session.
        chart: Its map.
        tell: Told of some of its steps, the first and the last among them.
    """

    def __init__(self, session: Session, chart: Chart, tell: Callable[[views.Progress], None]) -> None:
        self.session, self._chart, self._tell = session, chart, tell
        self._looks = False
        self._since = self._told = self._look_at = -math.inf
        self._shares: tuple[float | None, float | None] = (None, None)

    def begin(self) -> None:
        """A training begins now."""
        self._since, self._told, self._look_at = time.monotonic(), -math.inf, -math.inf
        self._shares, self._looks = (None, None), self._drawn()

    def _drawn(self) -> bool:
        """Whether the points are drawn, so that they can be seen to move."""
        until = self._since + READY
        try:
            with halting(lambda: self.session.stopping.is_set() or time.monotonic() > until):
                assert self.session.task is not None
                self._chart.train(self.session.task)
        except Interrupted:
            return False
        return True

    def step(self, progress: Progress) -> None:
        """A step was taken."""
        looked = self._look(progress)
        now = time.monotonic()
        if not looked and now - self._told < EVERY and progress.step < progress.steps:
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
                forgotten=self._shares[0],
                retained=self._shares[1],
            )
        )

    def _look(self, progress: Progress) -> bool:
        """Look at the model as it is now, where that is possible and due."""
        began = time.monotonic()
        sheet = self._chart.sheet
        if not self._looks or sheet is None or progress.glance is None or began < self._look_at:
            return False
        self._shares = self._chart.move(progress.step, progress.glance("train", sheet.index))
        now = time.monotonic()
        self._look_at = now + max(EVERY, REST * (now - began))
        return True
