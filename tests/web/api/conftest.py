"""One server for all tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lorasteer.tasks.base import save_base
from tests.support.digits import small_base
from tests.web.api.site import START, Site, Steered, begin, served


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base that knows the digits."""
    return save_base(small_base(), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[Site]:
    """A server."""
    with served(tmp_path_factory.mktemp("site"), base) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """A program's client."""
    with site.client() as client:
        yield client


@pytest.fixture
def session(site: Site, client: httpx.Client) -> Steered:
    """A session that was just begun."""
    return begin(site, client)


@pytest.fixture(scope="session")
def forgotten(site: Site) -> Iterator[Steered]:
    """A session with one iteration; for tests that only look at it."""
    with site.client() as client:
        steered = begin(site, client, "looked at")
        steered.do(START)
        yield steered
