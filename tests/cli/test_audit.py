"""A run is audited by its id, remembered in its log, certified with its verdict, and reported on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorasteer.records import AuditRecord
from lorasteer.store import RunStore
from tests.cli.conftest import Run


@pytest.fixture
def kept(run: Run, base: Path, tmp_path: Path) -> str:
    """Id of a run that forgot the sevens; it lies in a folder as well."""
    assert run("unlearn", base, "--forget", "7", "--intensity", "0.75", "--out", tmp_path / "run").code == 0
    (listed,) = run("runs", "list", "--json").json
    return str(listed["id"])


def test_a_run_is_audited_logged_reported_and_certified(run: Run, kept: str, base: Path, tmp_path: Path, home: Path) -> None:
    done = run("audit", kept, "--retrained", "2", "--out", tmp_path / "audit.html")
    assert done.code == 0
    assert "Verdict on lora-ihl: suppressed." in done.out
    assert "base: not forgotten" in done.out
    assert "attacks on 5 models; about" in done.err
    assert "<!doctype html>" in (tmp_path / "audit.html").read_text()
    event = RunStore(home / "runs").events(kept)[-1]
    assert (event.action, event.detail["verdict"], event.detail["audited"]) == ("audit", "suppressed", 1)
    assert run("runs", "verify").code == 0

    assert run("certificate", "key", "--out", tmp_path / "key").code == 0
    assert run("certificate", "make", kept, "--key", tmp_path / "key", "--out", tmp_path / "certificate.json").code == 0
    checked = run("certificate", "verify", tmp_path / "certificate.json", "--run", kept, "--base", base)
    assert checked.code == 0
    assert "Verdict: suppressed. The target is still inside" in checked.out

    again = run("audit", kept, "--json")
    record = AuditRecord.from_json(json.dumps(again.json))
    assert record.verdict is not None
    assert f"{len(record.results)} of them remembered" in again.err
    stale = run("certificate", "verify", tmp_path / "certificate.json", "--run", kept)
    assert stale.code == 0  # the run has gone on since; what was certified is still so


def test_a_run_in_a_folder_is_audited_without_the_store(run: Run, kept: str, tmp_path: Path, home: Path) -> None:
    events = len(RunStore(home / "runs").events(kept))
    done = run("audit", tmp_path / "run", "--out", tmp_path / "audit.md")
    assert done.code == 0
    assert "Verdict on lora-ihl: not enough evidence." in done.out
    assert "Without a retrained model" in done.out
    assert (tmp_path / "audit.md").read_text().startswith("# Audit: class 7")
    assert len(RunStore(home / "runs").events(kept)) == events


def test_refusals(run: Run, kept: str, tmp_path: Path) -> None:
    run("audit", kept, "--suite", "thorough").refused("unknown suite 'thorough'")
    run("audit", kept, "--out", tmp_path / "audit.pdf").refused(".html or .md")
    (tmp_path / "audit.html").write_text("")
    run("audit", kept, "--out", tmp_path / "audit.html").refused("exists already", "--overwrite")
    run("audit", "nothing").refused("no run 'nothing'")
    run("audit", tmp_path / "run" / "change").refused("the folder of a change alone")
    run("audit", kept, "--base", tmp_path).refused("no base model")
