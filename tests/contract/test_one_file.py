"""A method is one file: written into a copy of the package, it is listed, checked and compared without another edit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "how-to" / "add-a-method.md"
NAME = "lora-least-likely"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the method of the guide in it, and nothing else changed."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src" / "lorasteer", folder / "lorasteer", ignore=shutil.ignore_patterns("__pycache__"))
    method = GUIDE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (folder / "lorasteer" / "methods" / "adapter" / "lora_least_likely.py").write_text(method, encoding="utf-8")
    return folder


def run(copy: Path, *command: str) -> str:
    """Standard output of a Python command that sees the copy first."""
    environment = {**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=copy, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_command_line_lists_it(copy: Path) -> None:
    listed = json.loads(run(copy, "-c", "from lorasteer.cli import app; app(['methods', '--json'])"))

    assert NAME in json.dumps(listed)


def test_contract_suite_checks_it(copy: Path) -> None:
    code = "import tests.contract.test_methods as suite; print(suite.METHOD_NAMES)"

    assert NAME in run(copy, "-c", code)


def test_benchmark_compares_it(copy: Path) -> None:
    code = (
        "from lorasteer import FitSettings, Target, Workbench, compare, load_data, train_classifier\n"
        "data = load_data('digits')\n"
        "base = train_classifier(data, 'mlp', FitSettings(epochs=2))\n"
        "found = compare(Workbench(base, data), Target(classes=('7',)), retrained=0)\n"
        "print([row.method for row in found.rows])"
    )

    assert NAME in run(copy, "-c", code)
