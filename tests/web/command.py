"""`lorasteer web` as a process: started, waited for, and ended with all it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

START = "from lorasteer.cli import main; main()"


def start(folder: Path, *words: object, **environment: str) -> subprocess.Popen[str]:
    """The command, in a process group of its own."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "LORASTEER_TOKEN"))}
    facts = {**plain, "PYTHONPATH": os.pathsep.join(sys.path), "LORASTEER_HOME": str(folder / "home"), **environment}
    command = [sys.executable, "-c", START, "web", "--no-browser", *map(str, words)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=facts, cwd=folder,
        start_new_session=True,
    )  # fmt: skip


@contextlib.contextmanager
def running(folder: Path, *words: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command and the address it prints; killed with all it started when a test fails."""
    process = start(folder, "--json", *words, **environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        yield process, json.loads(line)["url"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
