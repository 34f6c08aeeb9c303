"""A page without a browser: NiceGUI's simulated person presses and types, and sees what the page holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from nicegui import background_tasks, ui
from nicegui.testing import User, user_simulation

from lorasteer.web.house import House
from lorasteer.web.pages import workbench
from tests.web.pages.house import MemoryHouse
from tests.web.pages.room import MemoryRoom

SETTLING = 0.1  # seconds for the page to send what it has; its sender cannot be cancelled at the instant it wakes up
SEVEN = "class 7, 125 training examples"
PATIENCE = 10.0  # seconds that something may take to be seen


@dataclass
class Seen:
    """One person before the workbench page.

    Attributes:
        user: NiceGUI's simulated person.
        room: The session the page shows.
    """

    user: User
    room: MemoryRoom

    async def open(self) -> None:
        """Open the page, or open it anew."""
        await self.user.open(f"/session/{self.room.id}")

    def marked(self, marker: str) -> Any:
        """The element with a marker."""
        return next(iter(self.user.find(marker=marker).elements))

    def press(self, marker: str) -> None:
        """Press the button with a marker."""
        self.user.find(marker=marker).click()

    @property
    def actions(self) -> set[str]:
        """Actions that have a button now."""
        with self.user:
            layout = self.user.current_layout
            return {one.props["data-action"] for one in layout.descendants() if "data-action" in one.props}

    def named(self, name: str) -> Any:
        """The element with an accessible name."""
        with self.user:
            found = [one for one in self.user.current_layout.descendants() if one.props.get("aria-label") == name]
        assert len(found) == 1, f"{len(found)} elements are named {name!r}"
        return found[0]

    def click(self, name: str) -> None:
        """Click the element with an accessible name."""
        self.user.find(marker=self._mark(name)).click()

    def _mark(self, name: str) -> str:
        marker = f"found-{abs(hash(name))}"
        self.named(name).mark(*self.named(name)._markers, marker)
        return marker

    @property
    def text(self) -> str:
        """All that stands on the page, shown elements only."""
        parts = []
        with self.user:
            for one in self.user.current_layout.descendants():
                if not _shown(one):
                    continue
                parts.append(str(getattr(one, "text", "") or getattr(one, "content", "") or ""))
        return "\n".join(parts)

    async def until(self, holds: Callable[[], bool], what: str = "") -> None:
        """Wait until something holds."""
        for _ in range(int(PATIENCE / 0.02)):
            if holds():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"it never came to pass: {what or 'see the test'}")

    async def presses(self, marker: str) -> None:
        """Wait for the button with a marker and press it."""
        with self.user:
            layout = self.user.current_layout
        await self.until(lambda: any(marker in one._markers for one in layout.descendants()), marker)
        self.press(marker)

    async def sees(self, words: str) -> None:
        """Wait until words stand on the page."""
        await self.until(lambda: words in self.text, words)


async def forget_seven(seen: Seen) -> None:
    """Ask for the first unlearning and wait for its end."""
    seen.click(SEVEN)
    await seen.sees("125 of 1,258 training examples")
    seen.press("do-start")
    await seen.until(lambda: seen.room.state == "reviewing" and "continue" in seen.actions, "the end of the training")


def _shown(element: ui.element) -> bool:
    node: Any = element
    while node is not None:
        if not node.visible or (isinstance(node, ui.dialog) and not node.value):
            return False
        node = node.parent_slot.parent if node.parent_slot else None
    return True


def play(story: Callable[[Seen], Awaitable[None]], room: MemoryRoom | None = None) -> None:
    """Let a person live a story on the page of a session; a part that fails to draw fails the test.

    Args:
        story: What the person does.
        room: The session; a fresh one when left out.
    """
    background_tasks.running_tasks.clear()  # a task of an earlier loop that was never awaited would be waited for without end
    asyncio.run(_play(story, room))


async def _play(story: Callable[[Seen], Awaitable[None]], room: MemoryRoom | None) -> None:
    async with user_simulation() as user:
        shown = room or MemoryRoom(id=f"run{next(_numbers)}")
        house: House = MemoryHouse({shown.id: shown})  # type: ignore[assignment]
        workbench.register(house)
        seen = Seen(user, shown)
        with _no_failures():
            await seen.open()
            await story(seen)
        await asyncio.sleep(SETTLING)


_numbers = count(1)  # a draft is kept by its session, so each story has a session of its own


@contextmanager
def _no_failures() -> Iterator[None]:
    """Fail when something was logged as an error meanwhile; the end of the server is not a part of the story."""
    failures: list[logging.LogRecord] = []
    watch = logging.Handler(logging.ERROR)
    watch.emit = failures.append  # type: ignore[method-assign]
    logging.getLogger().addHandler(watch)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(watch)
    assert not failures, "\n".join(f"{one.getMessage()} {one.exc_info or ''}" for one in failures)
