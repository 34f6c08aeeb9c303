"""The pages of this folder on a house of paper, served once for each module."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from tests.web.browser import Server, serve

with warnings.catch_warnings():  # fields of views are called as a property of every record
    warnings.filterwarnings("ignore", message="Field name", category=UserWarning)
    from tests.web.looks.serve import paper


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Three sessions, one with a hostile name."""
    with serve(paper, sessions=3) as found:
        yield found
