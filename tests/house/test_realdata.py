"""Tests on real data run where it is, and are skipped by name with a reason where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.realdata
def test_data_sets_are_there(shared_data: Path) -> None:
    assert {"mnist", "cifar10", "weights"} <= {entry.name for entry in shared_data.iterdir()}


def test_skipped_by_name_where_missing(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    name = "tests/house/test_realdata.py::test_data_sets_are_there"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", name]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "LORASTEER_DATA": str(missing)}, capture_output=True, text=True, check=False
    )
    assert f"SKIPPED {name}" in done.stdout
    assert f"no real data at {missing}; set LORASTEER_DATA" in done.stdout
    assert "1 skipped" in done.stdout
