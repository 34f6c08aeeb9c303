"""Where it listens: the port that was asked for, or the next that is free."""

from __future__ import annotations

import contextlib
import socket

import pytest

from lorasteer.errors import SessionError
from lorasteer.web import ports


def test_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(ports.listening("127.0.0.1", 0)) as first:
        taken = first.getsockname()[1]
        monkeypatch.setattr(ports, "PORT", taken)
        with contextlib.closing(ports.listening("127.0.0.1", None)) as second:
            assert taken < second.getsockname()[1] < taken + 50


def test_a_port_asked_for_by_hand_is_that_one_or_none() -> None:
    with contextlib.closing(ports.listening("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(SessionError, match=f"port {port} is taken. Name another one with --port"):
            ports.listening("127.0.0.1", port)


def test_it_listens_at_once() -> None:
    with contextlib.closing(ports.listening("127.0.0.1", 0)) as first, socket.create_connection(first.getsockname(), timeout=5):
        pass


def test_a_host_of_another_machine() -> None:
    with pytest.raises(SessionError, match=r"cannot listen on '192\.0\.2\.1'"):
        ports.listening("192.0.2.1", 0)


def test_a_host_that_is_no_name() -> None:
    with pytest.raises(SessionError, match="cannot listen on 'no such host'"):
        ports.listening("no such host", 0)
