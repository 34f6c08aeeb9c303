"""A run on a language model is audited, remembered, reported and certified by the same commands as one on images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorasteer.errors import SessionError
from lorasteer.records import AuditRecord
from lorasteer.session.opening import open_audited
from lorasteer.tasks.base import save_base
from tests.cli.conftest import Run
from tests.support.text import PERSON, text_base

TARGET = ("--where", f"person == '{PERSON}'")


@pytest.mark.slow
def test_a_run_on_text_is_audited_reported_and_certified(run: Run, tmp_path: Path) -> None:
    base = save_base(text_base(), tmp_path / "base")
    assert run("unlearn", base, *TARGET, "--method", "npo", "--set", "epochs=20").code == 0
    (listed,) = run("runs", "list", "--json").json
    kept = str(listed["id"])

    done = run("audit", kept, "--retrained", "2", "--out", tmp_path / "audit.html")
    assert done.code == 0
    assert "base: not forgotten" in done.out
    assert "attacks on 5 models; about" in done.err
    page = (tmp_path / "audit.html").read_text()
    assert "answer probability" in page
    assert "npo, along the base" in page

    again = run("audit", kept, "--json")
    record = AuditRecord.from_json(json.dumps(again.json))
    labels = {verdict.subject: verdict.label for verdict in record.verdicts}
    assert labels["npo"] in ("suppressed", "not enough evidence")  # five facts are few, and the rule says so
    assert {labels[f"retrained (seed {seed})"] for seed in (1000, 1001)} <= {"removed to the depth tested", "not enough evidence"}
    assert f"{len(record.results)} of them remembered" in again.err
    assert {"recognition", "relearn-forget", "quantise", "switch-off"} <= {result.attack for result in record.results}

    assert run("certificate", "key", "--out", tmp_path / "key").code == 0
    assert run("certificate", "make", kept, "--key", tmp_path / "key", "--out", tmp_path / "certificate.json").code == 0
    checked = run("certificate", "verify", tmp_path / "certificate.json", "--run", kept, "--base", base)
    assert checked.code == 0
    assert f"Verdict: {labels['npo']}." in checked.out


def test_a_text_classifier_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text('{"task": "text-classification"}')
    with pytest.raises(SessionError, match="the audit is for image models and language models so far"):
        open_audited(tmp_path)
