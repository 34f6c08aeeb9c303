"""`kill -9` in the middle of an audit: what was found is kept, and in the end the record is that of an undisturbed audit."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lorasteer.records import AuditRecord
from lorasteer.records.audit import AttackResult
from lorasteer.store import RunStore
from tests.cli.conftest import Run

if sys.platform == "win32":
    pytest.skip("needs POSIX signals", allow_module_level=True)

from tests.support.processes import CONTEXT
from tests.support.steered import command

PATIENCE = 120  # seconds until a process must have found something
Files = dict[str, tuple[int, bytes]]


def found_in(home: Path) -> Files:
    """Results that the cache holds, each with the time at which it was written."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in home.rglob("audits/*.json")}


def killed(words: list[str], home: Path, when: Callable[[], bool]) -> None:
    """Run a command in a process of its own, and kill it as soon as something is so."""
    process = CONTEXT.Process(target=command, args=(words, str(home / "told"), str(home)))
    process.start()
    given_up = time.monotonic() + PATIENCE
    while not when():
        assert process.exitcode is None
        assert time.monotonic() < given_up
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -9


def said(record: AuditRecord) -> AuditRecord:
    """What does not depend on the hour and on how busy the machine is."""
    results = tuple(one.model_copy(update={"seconds": 0.0}) for one in record.results)
    return record.model_copy(update={"results": results, "seconds": 0.0, "created": ""})


def test_a_killed_audit_goes_on_where_it_was(
    run: Run, base: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at its first result and at its twelfth; what it is held against had the retrained models, and no result."""
    assert run("unlearn", base, "--forget", "7", "--method", "logit-mask").code == 0
    (listed,) = run("runs", "list", "--json").json
    name, undisturbed = listed["id"], tmp_path / "undisturbed"
    events = RunStore(home / "runs").events(name)
    words = ["audit", name, "--retrained", "1", "--json"]
    kept: Files = {}
    for number in (1, 12):
        killed(words, home, lambda enough=number: len(found_in(home)) >= enough)  # type: ignore[misc]
        now = found_in(home)
        assert {file: now[file] for file in kept} == kept  # done once, and left alone
        assert all(AttackResult.from_json(text.decode()) for _, text in now.values())  # whole, or not there
        assert RunStore(home / "runs").events(name) == events  # an audit that is not done is in no log
        if not kept:
            shutil.copytree(home, undisturbed, ignore=shutil.ignore_patterns("audits"))
        kept = now
    rest = run(*words)
    whole = found_in(home)
    assert f"{len(kept)} of them remembered" in rest.err
    assert {file: whole[file] for file in kept} == kept
    record = AuditRecord.from_json(rest.out)
    assert len(record.results) == len(whole) > len(kept)
    assert len(RunStore(home / "runs").events(name)) == len(events) + 1
    assert run("runs", "verify").code == 0
    monkeypatch.setenv("LORASTEER_HOME", str(undisturbed))
    assert said(AuditRecord.from_json(run(*words).out)) == said(record)
