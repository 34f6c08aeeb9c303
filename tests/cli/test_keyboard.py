"""Keys as a real terminal sends them, through a pty."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from lorasteer.cli.keyboard import END, PosixKeyboard, take_key

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pty is needed")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: where a person types, and where the program reads."""
    import pty

    person, program = pty.openpty()
    yield person, program
    for end in (person, program):
        try:
            os.close(end)
        except OSError:
            continue


def typed(terminal: tuple[int, int], text: bytes, count: int) -> list[str]:
    person, program = terminal
    with PosixKeyboard(program) as keys:
        os.write(person, text)
        return [keys.read(2) for _ in range(count)]


def test_keys_by_name_and_by_character(terminal: tuple[int, int]) -> None:
    keys = typed(terminal, b"c\x1b[D\x1bOC\r\x7f\x03" + "猫".encode() + b"?", 8)
    assert keys == ["c", "left", "right", "enter", "backspace", "ctrl-c", "猫", "?"]


def test_a_lone_escape_is_a_key_and_unknown_ones_are_none(terminal: tuple[int, int]) -> None:
    assert typed(terminal, b"\x1b[5~x", 2) == ["", "x"]
    assert typed(terminal, b"\x1b", 1) == ["escape"]


def test_no_key_in_time_is_empty(terminal: tuple[int, int]) -> None:
    with PosixKeyboard(terminal[1]) as keys:
        assert keys.read(0.01) == ""


def test_the_end_of_the_terminal_is_a_key(terminal: tuple[int, int]) -> None:
    keys = PosixKeyboard(terminal[1])
    os.close(terminal[0])
    assert (keys.read(1), keys.read(1)) == (END, END)


def test_the_terminal_is_given_back_as_it_was(terminal: tuple[int, int]) -> None:
    import termios

    before = termios.tcgetattr(terminal[1])
    with PosixKeyboard(terminal[1]):
        assert not termios.tcgetattr(terminal[1])[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert termios.tcgetattr(terminal[1]) == before


def test_a_character_in_two_pieces_waits_for_the_second() -> None:
    cat = "猫".encode()
    assert take_key(cat[:2]) == ("", cat[:2])
    assert take_key(cat[:2] + cat[2:] + b"x") == ("猫", b"x")


def test_broken_bytes_do_not_stop_the_keys() -> None:
    assert take_key(b"\xff\xff\xff\xffq") == ("", b"\xff\xff\xffq")
