"""Too much and too slow, on a real server: it says no in time, and goes on serving others."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from lorasteer.web.security import Limits
from tests.web.security.serving import KEY, Server, received, served, until

SMALL = Limits(
    body_bytes=10_000, bodies=(("/api/uploads", 1_000_000),), body_seconds=0.6, slowest=1_000, head_bytes=4_096, head_seconds=0.8,
    connections=40, requests=6, websockets=3, message_bytes=2_000,
)  # fmt: skip
HEAD = f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\n"


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with small limits."""
    with served(SMALL) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_serving(small: Server) -> Iterator[None]:
    """After every test a good client is served at once."""
    yield
    until(lambda: serves(small), seconds=5)


def serves(server: Server) -> bool:
    """Whether a good client is served."""
    with server.client() as client, contextlib.suppress(httpx.TransportError):
        return client.get("/api/runs/a").status_code == 200
    return False


def post(path: str, headers: str, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\n{HEAD}{headers}\r\n".encode() + body


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


# Bodies


@pytest.mark.parametrize("length", [10_001, 10_000_000_000, 10**19])
def test_an_announced_body_that_is_too_large_is_refused_before_it_comes(small: Server, length: int) -> None:
    begun, done = time.monotonic(), list(small.done)
    answer = small.raw(post("/api/act", f"Content-Length: {length}\r\n"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"allowed are 10000" in answer
    assert b"content-security-policy" in answer
    assert time.monotonic() - begun < 0.5
    assert small.done == done


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "1, 2", "9" * 5_000, "²"])
def test_a_length_that_is_none_is_refused(small: Server, length: str) -> None:
    assert small.raw(post("/api/act", f"Content-Length: {length}\r\n")).startswith(b"HTTP/1.1 400")


def test_a_body_without_a_length_is_cut_off_where_it_is_too_much(small: Server) -> None:
    done = list(small.done)
    sent = post("/api/act", "Transfer-Encoding: chunked\r\n", chunk(bytes(6_000)) * 2)
    answer = small.raw(sent)
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.count(b"HTTP/1.1") == 1
    assert small.done == done


def test_bodies_up_to_the_limit_are_taken(small: Server) -> None:
    with small.client() as client:
        assert client.post("/api/act", content=bytes(10_000)).json() == {"bytes": 10_000}
        assert client.post("/api/act", content=iter([bytes(5_000), bytes(5_000)])).json() == {"bytes": 10_000}


def test_a_path_can_have_a_limit_of_its_own(small: Server) -> None:
    with small.client() as client:
        assert client.post("/api/uploads", content=bytes(1_000_000)).json() == {"bytes": 1_000_000}
        assert client.post("/api/uploads", content=bytes(1_000_001)).status_code == 413
    sent = post("/api/uploads-and-more", "Content-Length: 20000\r\n")
    assert small.raw(sent).startswith(b"HTTP/1.1 413")


def test_smuggled_lengths_are_refused(small: Server) -> None:
    both = post("/api/act", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /api/crash HTTP/1.1\r\n\r\n")
    assert small.raw(both, timeout=2).count(b"HTTP/1.1 500") == 0
    twice = post("/api/act", "Content-Length: 5\r\nContent-Length: 6\r\n", b"123456")
    assert small.raw(twice).startswith(b"HTTP/1.1 400")


def test_a_body_that_stops_is_given_up(small: Server) -> None:
    done, begun = list(small.done), time.monotonic()
    answer = small.raw(post("/api/act", "Content-Length: 100\r\n", b"x"))
    assert answer.startswith(b"HTTP/1.1 408")
    assert 0.5 < time.monotonic() - begun < 3
    assert small.done == done


def test_a_body_that_drips_is_given_up(small: Server) -> None:
    """A byte before each pause is over: no single wait is too long, the whole is."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", small.port), timeout=0.15) as connection:
        connection.sendall(post("/api/act", "Content-Length: 100\r\n"))
        answer = b""
        while not answer and time.monotonic() - begun < 8:
            with contextlib.suppress(OSError):
                connection.sendall(b"x")
            answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begun < 3


def test_a_steady_body_may_take_longer_than_one_pause(small: Server) -> None:
    def steady() -> Iterator[bytes]:
        for _ in range(8):
            time.sleep(0.15)
            yield bytes(1_000)

    with small.client() as client:
        assert client.post("/api/act", content=steady()).json() == {"bytes": 8_000}


def test_a_stream_of_events_is_not_cut_off(small: Server) -> None:
    with small.client() as client, client.stream("GET", "/api/events") as stream:
        begun, lines = time.monotonic(), stream.iter_lines()
        while time.monotonic() - begun < 1.5:
            assert next(lines) is not None


# Heads


def test_a_head_that_is_too_long_is_refused(small: Server) -> None:
    """In one piece the guard sees it; what does not fit into one is refused before its end."""
    for long in (post("/api/act", f"X-Long: {'x' * 5_000}\r\n"), f"GET /{'x' * 5_000} HTTP/1.1\r\n{HEAD}\r\n".encode()):
        assert small.raw(long).startswith(b"HTTP/1.1 431")
    for long in (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 5_000, b"G" * 5_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 900):
        assert small.raw(long).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_client_that_says_nothing_is_left(small: Server, sent: bytes) -> None:
    begun = time.monotonic()
    assert small.raw(sent) == b""
    assert 0.7 < time.monotonic() - begun < 3


def test_a_head_that_drips_is_left(small: Server) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as connection, contextlib.suppress(OSError):
        while time.monotonic() - begun < 5:
            connection.sendall(b"G")
            time.sleep(0.1)
    assert time.monotonic() - begun < 3


def test_a_second_head_that_drips_is_left_too(small: Server) -> None:
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as connection:
        connection.sendall(f"GET /api/runs/a HTTP/1.1\r\n{HEAD}\r\n".encode())
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"GET /")
        begun = time.monotonic()
        assert received(connection) == b""
        assert 0.7 < time.monotonic() - begun < 3


def test_a_client_that_keeps_its_connection_is_served_again(small: Server) -> None:
    with small.client() as client:
        for _ in range(3):
            assert client.get("/api/runs/a").status_code == 200
            time.sleep(0.5)


# How many


@contextlib.contextmanager
def held(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5)) for _ in range(count)]


def test_connections_beyond_the_limit_are_turned_away(small: Server) -> None:
    with held(small, SMALL.connections + 10) as connections:
        answers = [received(connection) for connection in connections]
    turned = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
    assert 8 <= len(turned) <= 12
    assert all(b"Retry-After: 1" in answer for answer in turned)
    assert sum(answer == b"" for answer in answers) == len(answers) - len(turned)


def test_a_thousand_connections_at_once_do_not_bring_it_down() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3_000:
        pytest.skip(f"this system allows {hard} open files; 3,000 are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3_000), hard))
    try:
        with served(Limits(head_seconds=2)) as server:
            with held(server, 1_000) as connections:
                for connection in connections[::2]:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
                begun = time.monotonic()
                until(lambda: serves(server), seconds=8)  # while they are all still held
                assert time.monotonic() - begun < 6
            assert serves(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_requests_beyond_the_limit_are_told_to_come_back(small: Server) -> None:
    with small.client() as client, contextlib.ExitStack() as stack:
        streams = [stack.enter_context(client.stream("GET", "/api/events")) for _ in range(SMALL.requests)]
        assert {stream.status_code for stream in streams} == {200}
        answer = client.get("/api/runs/a")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_websockets_beyond_the_limit_are_refused_and_free_their_places(small: Server) -> None:
    def one() -> connect:
        key = {"Authorization": f"Bearer {KEY}"}
        return connect(f"ws://127.0.0.1:{small.port}/api/socket", additional_headers=key, proxy=None)

    with contextlib.ExitStack() as stack:
        for _ in range(SMALL.websockets):
            stack.enter_context(one())
        with pytest.raises(InvalidStatus) as refused:
            one()
        assert refused.value.response.status_code == 503

    def free() -> bool:
        with contextlib.suppress(InvalidStatus), one():
            return True
        return False

    until(free, seconds=5)


def test_a_message_that_is_too_large_ends_its_websocket_only(small: Server) -> None:
    key = {"Authorization": f"Bearer {KEY}"}
    with connect(f"ws://127.0.0.1:{small.port}/api/socket", additional_headers=key, proxy=None) as big:
        big.send("x" * 1_999)
        assert len(big.recv(timeout=5)) == 1_999
        big.send("x" * 2_001)
        with pytest.raises(ConnectionClosed) as closed:
            big.recv(timeout=5)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009
