"""A folder for uploads, and the two things a test of one asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from lorasteer.web.uploads import Received, UploadLimits, Uploads
from tests.web.uploads.made import pieces

Receive = Callable[..., Received]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def receive(folder: Path) -> Receive:
    """Take in some bytes under a name."""

    def take(content: bytes, name: str = "file", **limits: int) -> Received:
        return asyncio.run(Uploads(folder, UploadLimits(**limits)).receive(name, pieces(content)))

    return take


@pytest.fixture
def refused(folder: Path, receive: Receive) -> Callable[..., str]:
    """The one line that refuses some bytes, after which nothing of them is left."""

    def take(content: bytes, name: str = "file", **limits: int) -> str:
        from lorasteer.errors import UserError

        with pytest.raises(UserError) as caught:
            receive(content, name, **limits)
        message = str(caught.value)
        assert "\n" not in message
        assert message.endswith(".")
        assert str(folder) not in message
        assert not folder.exists() or not list(folder.iterdir())
        return message

    return take
