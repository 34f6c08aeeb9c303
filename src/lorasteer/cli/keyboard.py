"""Single keys from a terminal, without waiting for Enter: POSIX through termios, Windows through msvcrt, one name each."""

from __future__ import annotations

import os
import select
import sys
import time
from types import TracebackType
from typing import Protocol, Self

NAMED = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
    b"\r": "enter", b"\n": "enter", b"\t": "tab", b"\x7f": "backspace", b"\x08": "backspace", b"\x03": "ctrl-c",
    b"\x04": "ctrl-d", b"\x1b": "escape",
}  # fmt: skip
"""What terminals send for keys that are no characters."""

WINDOWS = {"H": "up", "P": "down", "M": "right", "K": "left"}
"""What Windows sends after the mark of a special key."""

ESCAPE_WAIT = 0.03
"""Seconds in which the rest of a special key follows its first byte; a lone one is the escape key."""

END = "end"
"""The key that stands for the end of the input: the terminal has gone."""


class Keyboard(Protocol):
    """Where keys come from; a context, so that the terminal is always given back as it was."""

    def __enter__(self) -> Self:
        """Take single keys from now on."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the terminal back."""
        ...

    def read(self, timeout: float) -> str:
        """The next key: a character or a name; empty when none came in time.

        Args:
            timeout: Seconds to wait.
        """
        ...


def take_key(buffer: bytes) -> tuple[str, bytes]:
    r"""Split the first key off some bytes.

    Args:
        buffer: What the terminal sent; not empty.

    Returns:
        The key, empty where its bytes are not complete or mean nothing here; and the bytes that are left.

    Example:
        >>> take_key(b"\x1b[Dc"), take_key("猫".encode()), take_key(b"\x1b[5~x")
        (('left', b'c'), ('猫', b''), ('', b'x'))
    """
    if buffer[:1] == b"\x1b":
        return _special(buffer)
    if buffer[:1] in NAMED:
        return NAMED[buffer[:1]], buffer[1:]
    for size in range(1, min(4, len(buffer)) + 1):
        try:
            text = buffer[:size].decode()
        except UnicodeDecodeError:
            continue
        return (text if text.isprintable() else ""), buffer[size:]
    return "", (buffer if len(buffer) < 4 else buffer[1:])


def _special(buffer: bytes) -> tuple[str, bytes]:
    if buffer[:3] in NAMED:
        return NAMED[buffer[:3]], buffer[3:]
    if buffer[:2] not in (b"\x1b[", b"\x1bO"):
        return NAMED[b"\x1b"], buffer[1:]
    end = next((place for place, byte in enumerate(buffer[2:], 2) if 0x40 <= byte <= 0x7E), len(buffer) - 1)
    return "", buffer[end + 1 :]  # a key that nothing here listens to


class PosixKeyboard:
    """Keys of a terminal on Linux and macOS.

    Args:
        descriptor: The terminal; standard input when left out.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._buffer = b""

    def __enter__(self) -> Self:
        """Switch off echo, lines and signals; Ctrl-C comes as a key, so that it never breaks into a drawing."""
        import termios
        import tty

        self._before = termios.tcgetattr(self.descriptor)
        tty.setcbreak(self.descriptor)
        changed = termios.tcgetattr(self.descriptor)
        changed[3] &= ~termios.ISIG
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, changed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the terminal back as it was."""
        import termios

        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def read(self, timeout: float) -> str:
        """The next key; empty when none came in `timeout` seconds, `end` when the terminal has gone."""
        if not self._buffer and not self._fill(timeout):
            return ""
        if not self._buffer:
            return END
        if self._buffer in (b"\x1b", b"\x1b[", b"\x1bO"):
            self._fill(ESCAPE_WAIT)
        key, rest = take_key(self._buffer)
        if not key and rest == self._buffer:  # half a character: the rest follows, or never will
            rest = rest if self._fill(ESCAPE_WAIT) else b""
            key, rest = take_key(self._buffer) if rest else ("", b"")
        self._buffer = rest
        return key

    def _fill(self, timeout: float) -> bool:
        """Whether the terminal had something to say; at its end it has nothing, again and again."""
        ready, _, _ = select.select([self.descriptor], [], [], timeout)
        if ready:
            try:
                self._buffer += os.read(self.descriptor, 1024)
            except OSError:  # Linux says so when the other end of a terminal is closed
                self._buffer = b""
        return bool(ready)


class WindowsKeyboard:
    """Keys of a Windows console."""

    def __enter__(self) -> Self:
        """Nothing to switch: single keys are read anyway."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing to give back."""

    def read(self, timeout: float) -> str:
        """The next key; empty when none came in `timeout` seconds."""
        if sys.platform == "win32":
            import msvcrt

            deadline = time.monotonic() + timeout
            while not msvcrt.kbhit():
                if time.monotonic() > deadline:
                    return ""
                time.sleep(0.01)
            first = msvcrt.getwch()
            if first in ("\x00", "\xe0"):
                return WINDOWS.get(msvcrt.getwch(), "")
            return NAMED.get(first.encode(), first if first.isprintable() else "")
        return END


def keyboard() -> Keyboard:
    """The keyboard of this system, on standard input."""
    return WindowsKeyboard() if sys.platform == "win32" else PosixKeyboard()
