"""What only a process of its own shows: Ctrl-C and going on, pipes, and a quick start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lorasteer.tasks.vision.classifier import load_base
from tests.cli.conftest import Run

START = "import sys; from lorasteer.cli import main; sys.argv = ['lorasteer', *sys.argv[1:]]; main()"
TRAIN = ("train", "digits", "--model", "mlp", "--epochs", "60", "--set", "precision=fp32", "--batch-size", "16")


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def interrupt_after_first_epoch(process: subprocess.Popen[str], checkpoint: Path) -> None:
    deadline = time.monotonic() + 60
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)


def test_interrupted_and_resumed_is_as_if_uninterrupted(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    first = start(*TRAIN, "--out", broken)
    interrupt_after_first_epoch(first, broken / "checkpoint.safetensors")
    out, err = first.communicate()
    assert (first.returncode, out) == (130, "")
    assert err.count("\n") == 1, err
    assert "Run the same command again to go on." in err
    assert not (broken / "base.json").exists()
    assert (broken / "checkpoint.safetensors").exists()
    assert run(*TRAIN, "--out", broken).code == 0
    assert run(*TRAIN, "--out", tmp_path / "whole").code == 0
    assert load_base(broken).digest == load_base(tmp_path / "whole").digest
    assert not (broken / "checkpoint.safetensors").exists()


def test_a_pipe_gets_lines_and_no_progress(base: Path) -> None:
    process = start("unlearn", base, "--forget", "7", "--set", "epochs=1")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "\x1b" not in out
    assert "\r" not in out
    assert "forget accuracy" in out


def test_a_user_error_is_one_line_and_2(base: Path) -> None:
    process = start("unlearn", base, "--forget", "eleven")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("lorasteer: unknown class 'eleven'.")
    assert err.count("\n") == 1


def test_help_is_quick_and_light() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import lorasteer.cli; print(time.perf_counter() - t, 'torch' in sys.modules)"
    )
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, torch = done.stdout.split()
        assert torch == "False"
        times.append(float(seconds))
    assert min(times) < 0.5
