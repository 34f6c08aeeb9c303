"""The demonstration prints its table and leaves what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.session.demo import PARTS
from tests.cli.conftest import Run


def test_demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("demo")
    assert (done.code, done.err) == (0, "")
    for subject in ("baseline", "retrained (seed 1000)", "logit-mask", "LoRA+GA", "LoRA+IHL", "noise floor"):
        assert subject in done.out
    assert "1,797 handwritten digits; forgotten: 7" in done.out
    assert {path.name for path in (tmp_path / "lorasteer-demo").iterdir()} == set(PARTS)
    following = [line.split() for line in done.out.splitlines() if line.startswith("  lorasteer ")]
    assert [line[1] for line in following] == ["web", "unlearn", "evaluate", "export"]
    for line in following[1:]:  # the first serves until it is ended
        assert run(*line[1:]).code == 0, line


def test_a_folder_of_other_things_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    run("demo", "--out", tmp_path).refused("thesis.tex")


def test_no_such_digit(run: Run, tmp_path: Path) -> None:
    run("demo", "--out", tmp_path / "demo", "--forget", "ten").refused("unknown class 'ten'")
