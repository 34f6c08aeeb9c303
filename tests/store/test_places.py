"""Where runs and remembered things lie by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.store import cache_home, runs_home
from lorasteer.store.places import HOME


def test_one_variable_moves_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, "/somewhere")
    assert (runs_home(), cache_home()) == (Path("/somewhere/runs"), Path("/somewhere/cache"))


def test_else_the_users_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME, raising=False)
    assert runs_home().parts[-2:] == ("lorasteer", "runs")
    assert cache_home().name == "lorasteer"
    assert cache_home() not in (runs_home(), runs_home().parent)
