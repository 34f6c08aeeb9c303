"""Small apps for tests in a browser: the workbench page on sessions in memory."""

from __future__ import annotations

from lorasteer.web.pages import workbench
from tests.web.pages.room import MemoryHouse, MemoryRoom


def memory(pause: float = 0.15, steps: int = 12) -> None:
    """Serve `/session/run1`.

    Args:
        pause: Seconds between training steps.
        steps: Training steps of a round.
    """
    workbench.register(MemoryHouse({"run1": MemoryRoom(pause=pause, steps=steps)}))
