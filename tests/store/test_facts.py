"""Facts about libraries and machine come from where they are true."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import peft
import torch

from lorasteer.store import machine, versions


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert (found["torch"], found["peft"], found["python"]) == (torch.__version__, peft.__version__, platform.python_version())


def test_machine() -> None:
    found = machine()
    assert found["cpus"] == os.cpu_count()
    assert found["processor"]
    assert isinstance(found["memory_gib"], float)


def test_the_store_loads_no_torch() -> None:
    code = "import sys, lorasteer.store as store; store.versions(), store.machine(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
