"""Progress is for people: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys

import pytest

from lorasteer.cli.progress import working
from lorasteer.tasks.training import Progress


class Terminal:
    """A stderr that says it is a terminal and remembers what was written."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.written: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def test_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with working("base model") as observers:
        assert observers == ()
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    with working("base model") as observers:
        for observe in observers:
            assert not observe(Progress(step=3, steps=4, epoch=1, epochs=1, loss=0.25))
    shown = "".join(terminal.written)
    assert "base model" in shown
    assert "loss 0.25" in shown
    assert capsys.readouterr().out == ""
