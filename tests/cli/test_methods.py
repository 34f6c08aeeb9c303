"""Methods are listed with their facts, and each with its settings."""

from __future__ import annotations

import pytest

from lorasteer.methods import METHODS
from tests.cli.conftest import Run


def test_every_method_with_its_facts(run: Run) -> None:
    shown = run("methods").out
    for entry in METHODS:
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [entry.name]]
        assert entry.summary in line
        assert entry["family"] in line
        assert entry["paper"] in line


def test_one_method_with_its_settings(run: Run) -> None:
    shown = run("methods", "lora-ihl").out
    fields = METHODS["lora-ihl"].factory.Settings.model_fields
    assert "margin" in fields
    for name, field in fields.items():
        assert name in shown
        assert " ".join(str(field.description).split()) in shown
    assert "no settings" in run("methods", "retrain").out


def test_json(run: Run) -> None:
    found = {method["name"]: method for method in run("methods", "--json").json}
    assert list(found) == METHODS.names()
    assert found["logit-mask"]["needs"] == ["class-target"]
    assert found["lora-ihl"]["settings"]["dropout"]["default"] == 0.1


def test_an_unknown_method(run: Run) -> None:
    run("methods", "lora").refused("unknown method 'lora'")


def test_a_broken_plug_in_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    METHODS.names()
    monkeypatch.setattr(METHODS, "failures", {"theirs": "ImportError: no module"})
    done = run("methods")
    assert done.code == 0
    assert done.err == "lorasteer: warning: plug-in 'theirs' could not be loaded: ImportError: no module\n"
