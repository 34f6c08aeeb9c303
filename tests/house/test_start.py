"""Starting is quick: neither the import nor the help loads a heavy library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("datasets", "matplotlib", "peft", "sklearn", "torch", "transformers")
REPORT = f"import json, sys; sys.stderr.write(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
HELP = """
import sys
from lorasteer.cli import main
sys.argv = ["lorasteer", *{arguments!r}]
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
"""


def run(code: str) -> tuple[str, list[str]]:
    """Run a program; give its output and the heavy libraries it loaded."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{REPORT}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(done.stderr.splitlines()[-1])


def test_import_loads_nothing_heavy() -> None:
    assert run("import lorasteer")[1] == []


def test_the_check_sees_a_heavy_library() -> None:
    assert "sklearn" in run("import sklearn")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["unlearn", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    output, heavy = run(HELP.format(arguments=arguments))
    assert "Usage: lorasteer" in output
    assert heavy == []


def test_help_names_every_command() -> None:
    output, _ = run(HELP.format(arguments=["--help"]))
    for command in ("demo", "train", "retrain", "unlearn", "web", "evaluate", "methods", "runs", "export", "bench"):
        assert command in output
