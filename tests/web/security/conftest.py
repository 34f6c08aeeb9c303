"""Servers that run while a file's tests do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.security.serving import Server, nicegui_site, served


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Plain routes behind the guard."""
    with served() as running:
        yield running


@pytest.fixture(scope="session")
def site() -> Iterator[int]:
    """Port of a NiceGUI page behind the guard."""
    with nicegui_site() as port:
        yield port
