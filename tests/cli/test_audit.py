"""A run is audited by its id, remembered in its log, certified with its verdict, and reported on one page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lorasteer.records import AuditRecord
from lorasteer.store import RunStore
from tests.cli.conftest import Run
from tests.support.digits import digits


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


def test_one_example_by_name_is_audited_as_far_as_it_goes(run: Run, base: Path) -> None:
    """What an attack cannot do with so few is said, number by number; nothing crashes and no verdict is made up."""
    ids = digits().train.ids[digits().train.labels == 7]
    assert run("unlearn", base, "--ids", ids[0], "--set", "epochs=1", "--set", "retain=50").code == 0
    (listed,) = run("runs", "list", "--json").json
    done = run("audit", listed["id"], "--suite", "full", "--json")
    assert done.code == 0
    record = AuditRecord.from_json(done.out)
    numbers = [one for result in record.results for one in result.measurements]
    assert [one.name for one in numbers if not (one.note if one.value is None else one.n)] == []
    why = {one.name: one.note for one in numbers if one.value is None}
    assert why["refit_forget_1"] == "no example of the target is left to judge by"
    assert "1 forget examples and" in why["lira_auc"]
    assert why["worst_forget_accuracy"] == "1 forget examples are too few; it takes 20"
    assert record.verdict is not None
    assert record.verdict.label not in ("removed to the depth tested", "suppressed")


def test_what_it_is_held_against_must_fit(run: Run, kept: str, base: Path, tmp_path: Path) -> None:
    """A base is no retrained model, nor is one that was retrained without another class."""
    assert run("retrain", base, "--forget", "3", "--out", tmp_path / "other").code == 0
    for folder in (base, tmp_path / "other"):
        run("audit", kept, "--compare", folder).refused("not retrained without this forget set", "lorasteer retrain")


def test_a_test_set_of_the_target_alone_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    x, y = digits().train.images[:600], digits().train.labels[:600]
    sevens = digits().test.labels == 7
    test = {"x_test": digits().test.images[sevens], "y_test": digits().test.labels[sevens]}
    np.savez(tmp_path / "sevens.npz", x_train=x, y_train=y, **test)
    assert run("train", tmp_path / "sevens.npz", "--model", "mlp", "--epochs", "1", "--out", tmp_path / "base").code == 0
    assert run("unlearn", tmp_path / "base", "--forget", "7", "--method", "logit-mask").code == 0
    (listed,) = run("runs", "list", "--json").json
    done = run("audit", listed["id"])
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("lorasteer: the test set holds no example but those of the target")


def test_refusals(run: Run, kept: str, tmp_path: Path) -> None:
    run("audit", kept, "--suite", "thorough").refused("unknown suite 'thorough'")
    run("audit", kept, "--out", tmp_path / "audit.pdf").refused(".html or .md")
    (tmp_path / "audit.html").write_text("")
    run("audit", kept, "--out", tmp_path / "audit.html").refused("exists already", "--overwrite")
    run("audit", "nothing").refused("no run 'nothing'")
    run("audit", tmp_path / "run" / "change").refused("the folder of a change alone")
    run("audit", kept, "--base", tmp_path).refused("no base model")
