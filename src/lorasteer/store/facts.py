"""What a result was made with: versions of the libraries, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("lorasteer", "numpy", "peft", "torch", "transformers")


def versions() -> dict[str, str]:
    """Version of Python, of lorasteer and of the libraries that decide about numbers, by name; nothing is imported for it."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "not installed"


def machine() -> dict[str, str | int | float]:
    """Processor, number of logical CPUs, memory in GiB and operating system of this machine."""
    return {
        "processor": _processor(),
        "cpus": os.cpu_count() or 1,
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8", errors="replace").splitlines() if listing.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 0.0
