"""A base, a run or a change is measured again, beside whom one names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

SEVEN = ("--forget", "7", "--intensity", "0.75")


@pytest.fixture
def kept(run: Run, base: Path, tmp_path: Path) -> Path:
    assert run("unlearn", base, *SEVEN, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def values(evaluation: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {m["name"]: m["value"] for m in evaluation["measurements"]}


def test_a_base_alone(run: Run, base: Path) -> None:
    found = run("evaluate", base, "--forget", "7", "--json").json
    assert [evaluation["subject"] for evaluation in found["evaluations"]] == ["base"]
    assert found["wording"] == "class 7"
    assert "forget accuracy" in run("evaluate", base, "--forget", "7").out


def test_a_run_with_its_own_target(run: Run, base: Path, kept: Path) -> None:
    found = run("evaluate", base, "--change", kept, "--json").json
    assert found["wording"] == "class 7"
    assert values(found["evaluations"][-1])["forget_test_accuracy"] == 0
    by_folder = run("evaluate", base, "--change", kept / "change", "--forget", "7", "--json").json
    assert by_folder == found


def test_a_run_by_its_id_at_another_strength(run: Run, base: Path, kept: Path) -> None:
    (listed,) = run("runs", "list", "--json").json
    found = run("evaluate", base, "--change", listed["id"], "--strength", "0", "--json").json
    first, last = map(values, found["evaluations"])
    assert first["forget_accuracy"] == last["forget_accuracy"]


def test_beside_a_retrained_model(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    done = run("retrain", base, "--forget", "7", "--out", tmp_path / "retrained")
    assert "without class 7" in done.out
    found = run("evaluate", base, "--change", kept, "--compare", tmp_path / "retrained", "--json").json
    assert [evaluation["subject"] for evaluation in found["evaluations"]] == ["base", "retrained (seed 1000)", "lora-ihl"]
    assert values(found["evaluations"][1])["forget_accuracy"] == 0
    assert run("evaluate", base, "--change", kept, "--retrained", "1", "--json").json == found  # the same model, from the cache
    run("evaluate", base, "--forget", "8", "--compare", tmp_path / "retrained").refused("not retrained without this forget set")


def test_refusals(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    run("evaluate", base).refused("exactly one of --forget")
    run("evaluate", base, "--change", "nothing", "--forget", "7").refused("no run 'nothing'")
    run("evaluate", base, "--change", tmp_path / "nothing", "--forget", "7").refused("there is no folder")
    run("evaluate", base, "--change", kept / "change").refused("exactly one of --forget")
    other = tmp_path / "other"
    run("train", "digits", "--model", "mlp", "--epochs", "1", "--seed", "9", "--out", other)
    run("evaluate", other, "--change", kept).refused("the change was made for base")
