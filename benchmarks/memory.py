"""How much memory a piece of work takes beyond what is there already, measured in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, FORGET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 2**20


def peak() -> int:
    """Most bytes this process has held resident.

    Linux tells the peak of the process itself; `getrusage` there also counts what its parent held when it was started.
    """
    if STATUS.is_file():
        return 1024 * next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def extra(work: Callable[[], object]) -> float:
    """Megabytes by which the peak rises while the work runs; where the system can, counted from what is held now."""
    if FORGET_PEAK.exists():
        FORGET_PEAK.write_text("5")
    before = peak()
    work()
    return (peak() - before) / MEGABYTE


def asked(module: str, *arguments: object) -> dict[str, Any]:
    """What a module prints as JSON in its last line, run in a fresh process.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
