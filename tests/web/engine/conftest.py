"""One event loop and one house for the tests of a file, so that its process is started once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorasteer.web.engine import Keeper
from tests.support.houses import house_in


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """The event loop; `loop.run` waits for a coroutine."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the house's base, store and cache lie."""
    return tmp_path_factory.mktemp("house with ünïcødé 猫")


@pytest.fixture(scope="module")
def house(loop: asyncio.Runner, place: Path) -> Iterator[Keeper]:
    """The house."""

    async def opened() -> Keeper:
        return house_in(place)

    house = loop.run(opened())
    yield house
    loop.run(house.close())
