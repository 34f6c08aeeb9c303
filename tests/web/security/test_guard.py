"""The guard on a real server: who is let in, from where, and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lorasteer.web.security import Rules, Tokens, protect
from lorasteer.web.security.headers import FIXED
from tests.web.security.serving import KEY, Server

WRONG = "wrong-key-of-somebody"


@pytest.fixture
def stranger(server: Server) -> Iterator[httpx.Client]:
    with server.client(key=None) as client:
        yield client


@pytest.fixture
def program(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with server.browser() as client:
        yield client


def own(server: Server) -> dict[str, str]:
    """What a browser sends from the server's own pages."""
    return {"origin": server.url, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}


# Keys


@pytest.mark.parametrize("path", ["/", "/api/runs/a", "/nothing", "/docs", "/openapi.json", "/favicon.ico", "/api/events"])
@pytest.mark.parametrize(
    "shown", [{}, {"authorization": f"Bearer {WRONG}"}, {"authorization": f"Basic {KEY}"}, {"cookie": "lorasteer-1=x"}], ids=str
)
def test_a_stranger_sees_nothing_at_all(stranger: httpx.Client, path: str, shown: dict[str, str]) -> None:
    assert stranger.get(path, headers=shown).status_code == 401


def test_a_stranger_does_nothing(stranger: httpx.Client, server: Server) -> None:
    before = list(server.done)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert stranger.request(method, "/api/act", headers=own(server)).status_code == 401
    assert server.done == before


def test_a_person_is_told_how_to_get_in_on_a_page_without_scripts(stranger: httpx.Client) -> None:
    page = stranger.get("/<script>", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert "lorasteer printed" in page.text
    assert not re.search(r"<script|onload|src=|<form", page.text)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_a_wrong_token_in_the_address_is_not_let_in(stranger: httpx.Client) -> None:
    for path in ("/", "/api/runs/a"):
        assert stranger.get(path, params={"token": WRONG}).status_code == 401


def test_a_printed_address_opens_one_browser(server: Server, stranger: httpx.Client) -> None:
    key = server.tokens.once()
    first = stranger.get("/", params={"token": key, "a": "1"})
    assert (first.status_code, first.headers["location"]) == (303, "/?a=1")
    assert stranger.get("/").status_code == 200
    with server.client(key=None) as another:
        assert another.get("/", params={"token": key}).status_code == 401
        assert another.get("/").status_code == 401


def test_the_address_is_cleaned_for_a_browser_that_is_in(server: Server, browser: httpx.Client) -> None:
    again = browser.get("/", params={"token": WRONG})
    assert (again.status_code, again.headers["location"]) == (303, "/")
    assert browser.get("/").status_code == 200


def test_only_opening_a_page_spends_a_token(server: Server, stranger: httpx.Client) -> None:
    key = server.tokens.once()
    assert stranger.head("/", params={"token": key}).status_code == 401
    assert stranger.get("/api/runs/a", params={"token": key}).status_code == 401
    assert stranger.get("/", params={"token": key}, headers={"host": "evil.example"}).status_code == 400
    assert stranger.get("/", params={"token": key}).status_code == 303


def test_the_cookie_stays_with_the_browser_and_the_site(server: Server, stranger: httpx.Client) -> None:
    cookie = stranger.get("/", params={"token": server.tokens.once()}).headers["set-cookie"]
    name, *flags = [part.strip() for part in cookie.split(";")]
    assert re.fullmatch(rf"lorasteer-{server.port}=[\w-]{{43}}", name)
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=Strict"]


def test_a_link_on_another_site_opens_the_page_in_two_steps(server: Server, stranger: httpx.Client) -> None:
    """A strict cookie does not go along a redirect that another site began."""
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    page = stranger.get('/"><b>', params={"token": server.tokens.once()}, headers=foreign)
    assert page.status_code == 200
    assert "set-cookie" in page.headers
    assert 'content="0; url=/%22%3E%3Cb%3E"' in page.text


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example", "/%5cevil.example", "///evil.example", "/%2f/evil.example"]
)
def test_getting_in_never_leads_to_another_host(server: Server, path: str) -> None:
    sent = f"GET {path}?token={server.tokens.once()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    found = re.search(rb"\r\nlocation: ([^\r]*)", server.raw(sent))
    assert found
    assert re.match(rb"/[^/\\]", found[1])


def test_the_users_token_serves_programs(server: Server, program: httpx.Client, stranger: httpx.Client) -> None:
    assert program.get("/api/runs/a").json() == {"run": "a"}
    assert program.post("/api/act", content=b"123").json() == {"bytes": 3}
    assert stranger.post("/api/act", params={"token": KEY}, content=b"1").status_code == 200
    assert stranger.get("/api/query", params={"b": "2", "token": KEY}).json()["query"] == "b=2"


# Hosts and origins


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "localhost.", "0.0.0.0",
     "127.0.0.1@evil.example", "127.0.0.1/evil", "127.0.0.1:", "127.0.0.1:x", "", "[::2]", "192.168.1.5",
     "evil.example#127.0.0.1"],
)  # fmt: skip
def test_a_rebound_name_is_refused_whatever_it_shows(server: Server, program: httpx.Client, host: str) -> None:
    got = program.get("/api/runs/a", headers={"host": host.format(port=server.port)})
    assert got.status_code == 400
    assert "not this server" in got.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}", "localhost:9999"])
def test_own_names_are_served_also_through_a_tunnel(server: Server, program: httpx.Client, host: str) -> None:
    assert program.get("/api/runs/a", headers={"host": host.format(port=server.port)}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://evil.example:443", "http://127.0.0.1", "http://127.0.0.1:1", "http://localhost:{port}",
     "http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}/", "file://", "ftp://127.0.0.1:{port}", "127.0.0.1:{port}"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_a_foreign_origin_is_refused_even_with_every_key(server: Server, browser: httpx.Client, origin: str, method: str) -> None:
    before = list(server.done)
    headers = {"origin": origin.format(port=server.port), "authorization": f"Bearer {KEY}"}
    got = browser.request(method, "/api/act", headers=headers)
    assert got.status_code == 403
    assert not [name for name in got.headers if name.startswith("access-control")]
    assert server.done == before


def test_a_form_on_another_site_does_nothing(server: Server, browser: httpx.Client) -> None:
    """A browser sends Origin with it, or null; the cookie would not even come along."""
    before = list(server.done)
    for origin in ("https://evil.example", "null"):
        got = browser.post("/api/act", data={"a": "b"}, headers={"origin": origin, "sec-fetch-site": "cross-site"})
        assert got.status_code == 403
    assert server.done == before


def test_an_own_page_acts(server: Server, browser: httpx.Client) -> None:
    assert browser.post("/api/act", content=b"12", headers=own(server)).json() == {"bytes": 2}


def test_acting_without_an_origin_needs_the_users_token(browser: httpx.Client, program: httpx.Client) -> None:
    assert browser.post("/api/act").status_code == 403
    assert browser.get("/api/runs/a").status_code == 200
    assert program.post("/api/act").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_link_to_a_page_but_not_load_from_it(browser: httpx.Client, site: str) -> None:
    assert browser.get("/api/runs/a", headers={"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}).status_code == 403
    assert browser.get("/", headers={"sec-fetch-site": site, "sec-fetch-mode": "navigate"}).status_code == 200


@pytest.mark.parametrize("name", [b"Host", b"Origin", b"Authorization", b"Sec-Fetch-Site"])
def test_a_header_twice_is_refused(server: Server, name: bytes) -> None:
    twice = b"".join(name + b": " + value + b"\r\n" for value in (b"localhost", b"evil.example"))
    host = b"" if name == b"Host" else b"Host: localhost\r\n"
    assert server.raw(b"GET / HTTP/1.1\r\n" + host + twice + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_what_a_proxy_would_say_does_not_reach_the_app(program: httpx.Client) -> None:
    headers = {"x-forwarded-prefix": "//evil.example", "x-forwarded-host": "evil.example", "forwarded": "for=1"}
    assert program.get("/api/query", headers=headers).json()["forwarded"] == ""


# Answers


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/api/runs/a", 200), ("/api/runs/..", 404), ("/api/runs/A", 400), ("/nothing", 404),
                         ("/api/crash", 500), ("/api/act", 405), ("/api/shared", 200)],
)  # fmt: skip
def test_every_answer_carries_our_headers(program: httpx.Client, path: str, status: int) -> None:
    got = program.get(path)
    assert got.status_code == status
    for name, value in FIXED.items():
        assert got.headers.get_list(name) == [value]
    assert "frame-ancestors 'none'" in got.headers["content-security-policy"]
    assert "server" not in got.headers
    assert not [name for name in got.headers if name.startswith("access-control")]


def test_refusals_carry_them_too(stranger: httpx.Client) -> None:
    for headers in ({}, {"host": "evil.example"}, {"origin": "http://evil.example"}):
        got = stranger.get("/", headers=headers)
        assert carries_ours(got.headers)
        assert "default-src 'none'" in got.headers["content-security-policy"]


def test_an_error_inside_shows_nothing_of_it(program: httpx.Client) -> None:
    assert program.get("/api/crash").text == "Internal Server Error"


@pytest.mark.parametrize("run", ["%2e%2e", "%252e%252e", "..%5c..", "%00", "a%20b", "%EF%BC%8E%EF%BC%8E"])
def test_ids_in_addresses_are_checked_as_they_arrive(program: httpx.Client, server: Server, run: str) -> None:
    sent = f"GET /api/runs/{run} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
    assert server.raw(sent.encode())[9:12] in (b"400", b"404")


def test_a_route_that_refuses_answers_with_its_status(program: httpx.Client) -> None:
    answers = [program.post("/api/start") for _ in range(3)]
    assert [got.status_code for got in answers] == [200, 200, 429]
    assert answers[-1].headers["retry-after"] == "30"
    assert "Try again in 30 s." in answers[-1].json()["detail"]


# Websockets


def status_of(server: Server, *, path: str = "/api/socket", origin: str | None = None, **headers: str) -> int:
    """Status a websocket is refused with; 101 when it is opened and answers."""
    address = f"ws://127.0.0.1:{server.port}{path}"
    try:
        with connect(address, origin=origin, additional_headers=headers, proxy=None, open_timeout=10) as socket:  # type: ignore[arg-type]
            socket.send("hello")
            return 101 if socket.recv(timeout=10) == "hello" else 0
    except InvalidStatus as refused:
        return refused.response.status_code if carries_ours(refused.response.headers) else 0


def carries_ours(headers: Mapping[str, str]) -> bool:
    """Whether our headers are there, each with our value."""
    return all(headers[name] == value for name, value in FIXED.items())


def test_a_websocket_needs_a_key_an_own_origin_and_an_own_host(server: Server, browser: httpx.Client) -> None:
    cookie = f"lorasteer-{server.port}={browser.cookies[f'lorasteer-{server.port}']}"
    before = len(server.done)
    assert status_of(server, origin=server.url) == 401
    assert status_of(server, origin=server.url, Authorization=f"Bearer {WRONG}") == 401
    assert status_of(server, origin=server.url, Cookie=f"lorasteer-{server.port}=x") == 401
    assert status_of(server, origin=server.url, path=f"/api/socket?token={server.tokens.once()}") == 401
    assert status_of(server, origin="http://evil.example", Cookie=cookie) == 403
    assert status_of(server, origin="http://127.0.0.1:1", Cookie=cookie) == 403
    assert status_of(server, origin="null", Cookie=cookie) == 403
    assert status_of(server, Cookie=cookie) == 403
    assert len(server.done) == before
    assert status_of(server, origin=server.url, Cookie=cookie) == 101
    assert status_of(server, Authorization=f"Bearer {KEY}") == 101
    assert status_of(server, path=f"/api/socket?token={KEY}") == 101


def test_a_websocket_under_a_rebound_name_is_refused(server: Server) -> None:
    sent = (
        "GET /api/socket HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
        f"Authorization: Bearer {KEY}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    assert server.raw(sent.encode()).startswith(b"HTTP/1.1 400")


# Other ways to serve


def test_a_server_for_all_addresses_is_reached_by_address_and_by_given_names() -> None:
    rules = Rules("0.0.0.0", 81, Tokens(KEY), names=("lab.example",))
    for host in ("192.168.1.5:81", "[fe80::1]:81", "127.0.0.1", "lab.example:81", "LAB.example"):
        assert rules.allows_host(host)
    for host in ("evil.example", "lab.example.evil", ""):
        assert not rules.allows_host(host)


def test_over_tls_the_cookie_is_for_tls_only() -> None:
    app, tokens = FastAPI(), Tokens()
    protect(app, Rules("127.0.0.1", 81, tokens))
    with TestClient(app, base_url="https://127.0.0.1:81", follow_redirects=False) as client:
        assert "; Secure" in client.get("/", params={"token": tokens.once()}).headers["set-cookie"]


def test_protecting_too_late_is_a_mistake() -> None:
    app = FastAPI()
    with TestClient(app) as client:
        client.get("/")
    with pytest.raises(RuntimeError, match="before the server starts"):
        protect(app, Rules("127.0.0.1", 81, Tokens()))
