"""Methods are compared, and everything measured is written down."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_two_methods_two_seeds(run: Run, base: Path, tmp_path: Path) -> None:
    words = ("--methods", "logit-mask,zeroing", "--seeds", "0,1", "--retrained", "1", "--out", tmp_path / "deep" / "results.json")
    done = run("bench", base, "--forget", "7", *words)
    assert (done.code, done.err) == (0, "")
    whole = json.loads((tmp_path / "deep" / "results.json").read_text())
    assert [row[0] for row in whole["table"]["rows"]] == ["base", "retrained", "logit-mask", "zeroing"]
    assert whole["summary"]["logit-mask"]["forget_test_accuracy"] == {"mean": 0.0, "least": 0.0, "most": 0.0, "n": 2}
    for row in whole["table"]["rows"]:
        assert all(text in done.out for text in row)


def test_what_does_not_fit_is_told(run: Run, base: Path) -> None:
    found = run("bench", base, "--random", "20", "--seeds", "0", "--retrained", "0", "--intensity", "0.1", "--json").json
    assert "class-target" in found["skipped"]["logit-mask"]


def test_refusals(run: Run, base: Path, tmp_path: Path) -> None:
    run("bench", base, "--forget", "7", "--seeds", "one").refused("--seeds", "0,1,2")
    run("bench", base, "--forget", "7", "--methods", "nope").refused("unknown method 'nope'")
    (tmp_path / "file").write_text("")
    run("bench", base, "--forget", "7", "--out", tmp_path / "file" / "results.json").refused("cannot write")
