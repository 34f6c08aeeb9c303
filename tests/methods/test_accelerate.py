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


def trained(what: str, path: Path, launcher: list[str]) -> tuple[Tensors, str]:
    """Numbers of an adapter or a base, and how many processes trained it; on the CPU whatever the machine has."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    on_cpu = {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, str(SCRIPT), str(path), what]
    environment = {**os.environ, **on_cpu, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    numbers, facts = read_tensors(path)
    return numbers, facts["world"]


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    """To rounding: the sum over a step's examples is taken in another order."""
    one, alone = trained("adapter", tmp_path / "one.safetensors", [])
    two, together = trained("adapter", tmp_path / "two.safetensors", TWO)

    assert (alone, together) == ("1", "2")
    moved = max(value.abs().max().item() for name, value in one.items() if ".lora_B." in name)
    assert moved > 5e-4
    assert one.keys() == two.keys()
    assert all(torch.allclose(value, two[name], atol=moved / 20) for name, value in one.items())


@pytest.mark.slow
def test_a_base_is_trained_in_two_processes_as_in_one(tmp_path: Path) -> None:
    one, alone = trained("base", tmp_path / "one.safetensors", [])
    two, together = trained("base", tmp_path / "two.safetensors", TWO)
    assert (alone, together) == ("1", "2")
    assert all(torch.allclose(value, two[name], rtol=1e-5, atol=1e-6) for name, value in one.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two-processes.yaml", "fsdp.yaml"])
def test_the_configurations_in_the_docs_start_as_many_processes_as_they_say(tmp_path: Path, name: str) -> None:
    folder = ROOT / "docs" / "how-to" / "accelerate"
    on_cpu = ["-m", "accelerate.commands.launch", "--config_file", str(folder / name), "--main_process_port", "0"]
    _, together = trained("base", tmp_path / "two.safetensors", on_cpu)
    assert together == "2"
