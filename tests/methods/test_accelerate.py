"""Training in two processes that `accelerate launch` started gives what one process gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lorasteer.tasks.tensors import Tensors, read_tensors

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "support" / "accelerated.py"
TWO = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
       "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]  # fmt: skip


def trained(path: Path, launcher: list[str]) -> tuple[Tensors, str]:
    """Numbers of the adapter, and how many processes trained it; on the CPU whatever the machine has."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    on_cpu = {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, str(SCRIPT), str(path)]
    environment = {**os.environ, **on_cpu, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    numbers, facts = read_tensors(path)
    return numbers, facts["world"]


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    """To rounding: the sum over a step's examples is taken in another order."""
    one, alone = trained(tmp_path / "one.safetensors", [])
    two, together = trained(tmp_path / "two.safetensors", TWO)

    assert (alone, together) == ("1", "2")
    moved = max(value.abs().max().item() for name, value in one.items() if ".lora_B." in name)
    assert moved > 5e-4
    assert one.keys() == two.keys()
    assert all(torch.allclose(value, two[name], atol=moved / 20) for name, value in one.items())
