"""The pages of this folder on a house of paper, served once for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.browser import Server, serve
from tests.web.looks.serve import paper


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Three sessions, one with a hostile name."""
    with serve(paper, sessions=3) as found:
        yield found
