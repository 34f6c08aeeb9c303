"""The demonstration forgets a digit, keeps the rest, and leaves an adapter that stock PEFT loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorasteer.session import Demo, demo
from lorasteer.store import read_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return demo(tmp_path_factory.mktemp("demo") / "out", forget="3")


def value(made: Demo, subject: str, name: str) -> float:
    (found,) = [evaluation.value(name) for evaluation in made.evaluations if evaluation.subject == subject]
    assert found is not None
    return found


def test_rows_of_its_table(made: Demo) -> None:
    subjects = [evaluation.subject for evaluation in made.evaluations]
    assert subjects == ["baseline", "retrained (seed 1000)", "retrained (seed 1001)", "logit-mask", "LoRA+GA", "LoRA+IHL"]


def test_what_it_shows_is_true(made: Demo) -> None:
    assert value(made, "baseline", "test_accuracy") >= 0.95
    assert value(made, "retrained (seed 1000)", "forget_test_accuracy") == 0
    assert value(made, "logit-mask", "forget_test_accuracy") == 0
    assert value(made, "LoRA+IHL", "forget_test_accuracy") <= 0.05
    assert value(made, "LoRA+IHL", "retain_test_accuracy") >= 0.95
    assert value(made, "LoRA+GA", "retain_test_accuracy") < value(made, "LoRA+IHL", "retain_test_accuracy")


def test_what_it_leaves(made: Demo) -> None:
    assert made.difference <= 1e-5
    assert read_run(made.folder / "run") == made.kept
    assert json.loads((made.folder / "adapter" / "adapter_config.json").read_text())["peft_type"] == "LORA"
    assert (made.folder / "adapter" / "report.md").is_file()


def test_a_second_time_it_uses_what_lies_there(made: Demo) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(made.folder).rglob("model.safetensors")}
    assert len(before) == 3
    again = demo(made.folder, forget="3")
    assert {path: path.stat().st_mtime_ns for path in Path(made.folder).rglob("model.safetensors")} == before
    assert again.kept.iteration.change.tensors == made.kept.iteration.change.tensors
