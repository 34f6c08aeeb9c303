"""Runs are listed, shown and removed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

MASK = ("--forget", "7", "--method", "logit-mask")


def test_from_the_first_to_the_last(run: Run, base: Path, home: Path) -> None:
    assert "No runs in" in run("runs").out
    name = run("unlearn", base, *MASK, "--json").json["run"]["id"]
    for words in (("runs",), ("runs", "list")):
        assert name in run(*words).out
        assert "class 7" in run(*words).out
    assert run("runs", "show", name[-6:]).out.startswith("# Unlearning report: class 7")
    assert run("runs", "show", name, "--json").json["id"] == name
    (home / "runs" / name / "run.json").write_text("{")
    assert "damaged: run.json cannot be read" in run("runs").out
    assert run("runs", "list", "--json").json[0]["run"] is None
    run("runs", "show", name).refused("is damaged")
    assert run("runs", "rm", name).out == f"Removed {name}.\n"
    assert run("runs", "list", "--json").json == []


def test_another_store(run: Run, base: Path, tmp_path: Path) -> None:
    run("unlearn", base, *MASK, "--store", tmp_path / "mine")
    assert len(run("runs", "list", "--store", tmp_path / "mine", "--json").json) == 1
    assert run("runs", "list", "--json").json == []
    run("runs", "show", "x", "--store", tmp_path / "mine").refused("no run 'x'")
