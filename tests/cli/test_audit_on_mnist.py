"""Real images: a base knows what it was to forget, a masked logit only hides it, and the certificate says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lorasteer.tasks.vision.sources import load_data
from tests.cli.conftest import Run

TRAIN, TEST = 2000, 1000


@pytest.mark.realdata
def test_a_masked_digit_is_certified_as_suppressed(run: Run, shared_data: Path, tmp_path: Path) -> None:
    whole = load_data(str(shared_data / "mnist"))
    sides = {"train": (whole.train, TRAIN), "test": (whole.test, TEST)}
    slices = {f"x_{name}": part.images[:count] for name, (part, count) in sides.items()}
    np.savez(tmp_path / "slice.npz", **slices, **{f"y_{name}": part.labels[:count] for name, (part, count) in sides.items()})
    words = ("--model", "mlp", "--epochs", "12", "--out", tmp_path / "base")
    assert run("train", tmp_path / "slice.npz", *words).code == 0
    assert run("unlearn", tmp_path / "base", "--forget", "7", "--method", "logit-mask").code == 0
    (listed,) = run("runs", "list", "--json").json
    done = run("audit", listed["id"], "--retrained", "2")
    assert "Verdict on logit-mask: suppressed." in done.out
    assert "base: not forgotten" in done.out
    assert run("certificate", "key", "--out", tmp_path / "key").code == 0
    assert run("certificate", "make", listed["id"], "--key", tmp_path / "key", "--out", tmp_path / "shown.json").code == 0
    checked = run("certificate", "verify", tmp_path / "shown.json", "--run", listed["id"], "--base", tmp_path / "base")
    assert checked.code == 0
    assert "Verdict: suppressed. The target is still inside" in checked.out
