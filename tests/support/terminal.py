"""A person at a real terminal: a pty, keys typed into it, and everything that was written on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

START = "import sys; from lorasteer.cli import main; sys.argv = ['lorasteer', *sys.argv[1:]]; main()"
PATIENCE = 120.0
"""Seconds after which a test gives up; how long something takes is not what it asks."""


class Terminal:
    """A `lorasteer` that runs at a terminal of its own."""

    def __init__(self, *words: object, rows: int = 40, columns: int = 130) -> None:
        self.end, program = pty.openpty()
        fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, words)], stdin=program, stdout=program, stderr=program, env=environment
        )
        os.close(program)
        self.written = ""
        self.looked = 0

    def type(self, keys: str) -> None:
        """Type keys."""
        self.looked = len(self.written)
        os.write(self.end, keys.encode())

    def wait(self, until: Callable[[], bool]) -> None:
        """Read what is written until something is true."""
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline, self.written[-3000:]
            assert self._read() or until(), self.written[-3000:]

    def sees(self, text: str) -> None:
        """Wait until a text stands in what was written since the last key, after what was seen since then."""
        self.wait(lambda: text in self.written[self.looked :])
        self.looked = self.written.index(text, self.looked) + len(text)

    def ends(self) -> int:
        """Wait for the program to end; gives its exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        """Whether the program still has the terminal."""
        ready, _, _ = select.select([self.end], [], [], 0.05)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self.end, 65536)
        except OSError:
            return False
        self.written += data.decode(errors="replace")
        return bool(data)

    def close(self) -> None:
        """Take the terminal away."""
        os.close(self.end)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
