"""The demonstration on text, whole: it forgets, compares, writes, exports, and says what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.errors import RequestError
from lorasteer.session.text_demo import LABELS, text_demo
from tests.cli.conftest import Run, home, run  # noqa: F401 - fixtures
from tests.support.errors import refuses


@pytest.mark.slow
def test_demo(run: Run, tmp_path: Path) -> None:  # noqa: F811
    done = run("demo", "--task", "language", "--out", tmp_path / "demo", "--json")
    assert done.code == 0
    found = done.json
    subjects = [one["subject"] for one in found["evaluations"]]
    assert subjects == ["baseline", "retrained (seed 1000)", "retrained (seed 1001)", *LABELS.values()]
    values = [{one["name"]: one["value"] for one in each["measurements"]} for each in found["evaluations"]]
    assert values[0]["forget_probability"] > 0.9
    assert max(each["forget_probability"] for each in values[1:]) < 0.4
    assert values[-1]["retain_probability"] > 0.95 * values[0]["retain_probability"]
    assert all(one["base"] == one["right"] for one in found["written"])
    assert sum(one["now"] == one["right"] for one in found["written"]) <= 1
    assert found["difference"] < 1e-4
    again = run("demo", "--task", "language", "--out", tmp_path / "demo")  # base and retrained models are used again
    assert "after LoRA+IHL" in again.out
    following = [line.split() for line in again.out.splitlines() if line.startswith("  lorasteer ")]
    assert [line[1] for line in following] == ["unlearn", "evaluate", "export"]


def test_nobody_of_that_name(tmp_path: Path) -> None:
    with refuses(RequestError, "unknown person 'Nilo Gilda'", "Did you mean 'Nilo Gildas'?"):
        text_demo(tmp_path / "demo", forget="Nilo Gilda")
    assert not (tmp_path / "demo").exists()
