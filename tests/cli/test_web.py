"""`lorasteer web` and the end of `lorasteer demo`, without a server: what is asked of it, and when."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lorasteer.cli import web
from lorasteer.cli.demo import is_attended
from tests.cli.conftest import Run
from tests.support.terminal import Terminal

WITHOUT = """
import sys
for name in ("nicegui", "fastapi"):
    sys.modules[name] = None
from lorasteer.cli import main
sys.argv = ["lorasteer", "web", "--no-browser"]
main()
"""


def test_help_loads_nothing_of_the_web() -> None:
    code = (
        "import sys; from lorasteer.cli import main; sys.argv = ['lorasteer', 'web', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'nicegui', 'fastapi', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lorasteer web --demo" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_the_extra_it_says_how_to_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "pip install 'lorasteer[web]'" in done.stderr


def test_the_demonstration_ends_by_itself_in_a_pipe(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Path] = []
    monkeypatch.setattr("lorasteer.cli.demo.serve_demonstration", served.append)
    done = run("demo", "--out", tmp_path / "demo")
    assert done.code == 0
    assert f"  lorasteer web {tmp_path / 'demo' / 'base'}" in done.out
    assert served == []
    monkeypatch.setattr("lorasteer.cli.demo.is_attended", lambda **_: True)
    assert run("demo", "--out", tmp_path / "demo").code == 0
    assert served == [tmp_path / "demo"]
    (tmp_path / "demo" / web.STORE).mkdir()
    assert run("demo", "--out", tmp_path / "demo", "--json").code == 0  # its sessions are no foreign folder
    assert len(served) == 1


@pytest.mark.parametrize(("no_browser", "ci", "terminal", "attended"), [
    (False, "", True, True), (True, "", True, False), (False, "true", True, False), (False, "", False, False),
])  # fmt: skip
def test_who_is_attended(monkeypatch: pytest.MonkeyPatch, no_browser: bool, ci: str, terminal: bool, attended: bool) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("sys.stdin", _Stream(terminal))
    monkeypatch.setattr("sys.stdout", _Stream(terminal))
    assert is_attended(no_browser=no_browser) is attended


class _Stream:
    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.slow
def test_at_a_terminal_the_demonstration_opens_the_workbench(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    assert run("demo", "--out", folder).code == 0  # so that base and retrained models are there
    for name in ("CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
        monkeypatch.delenv(name, raising=False)
    terminal = Terminal("demo", "--out", folder)
    try:
        terminal.sees("Workbench: http://127.0.0.1:")
        terminal.wait(lambda: "Ctrl-C ends" in terminal.written)
        terminal.type("\n")
        terminal.sees("Workbench: http://127.0.0.1:")
        terminal.process.send_signal(signal.SIGINT)
        terminal.sees("Closed. Sessions are kept")
        assert terminal.ends() == 0
        assert "/session/" in terminal.written
    finally:
        terminal.close()
