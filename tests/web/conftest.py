"""A browser for each module, and a page for each test that fails it when the console shows an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser import Watched, chromium, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. It lives as long as a module: while it is open, `asyncio.run` is refused in this thread."""
    with chromium() as found:
        yield found


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page in a fresh context, with the errors that it shows."""
    with opened(browser) as found:
        yield found


@pytest.fixture
def page(watched: Watched) -> Page:
    """A page in a fresh context; the test fails when the console shows an error."""
    return watched.page
