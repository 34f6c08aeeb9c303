"""A base in a folder, and a way to run commands in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lorasteer.cli import app
from lorasteer.tasks.base import save_base
from tests.support.digits import small_base


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    def refused(self, *words: str) -> None:
        """The command printed exactly one line, on stderr, with these words, and exited 2."""
        assert (self.code, self.out) == (2, "")
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("lorasteer: ")
        for word in words:
            assert word in self.err, f"{word!r} is not in: {self.err}"


Run = Callable[..., Done]


@pytest.fixture
def run() -> Run:
    """Run `lorasteer` with these words; a bug is raised."""

    def command(*words: object) -> Done:
        result = CliRunner().invoke(app, list(map(str, words)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return command


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs and cache of each test lie in a folder of its own."""
    monkeypatch.setenv("LORASTEER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base that knows the digits."""
    return save_base(small_base(), tmp_path_factory.mktemp("base"))
