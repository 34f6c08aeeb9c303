"""NiceGUI's own paths behind the guard: static files, its websocket, its long polling."""

from __future__ import annotations

from importlib.metadata import version

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.web.security.serving import KEY

EIO = "/_nicegui_ws/socket.io/?EIO=4&transport="


def get(site: int, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{site}{path}", headers=headers, trust_env=False)


def cookie(site: int) -> str:
    """A session's cookie as a browser sends it."""
    return get(site, f"/?token={KEY}").headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "path", [EIO + "polling", f"/_nicegui/{version('nicegui')}/static/nicegui.js", "/api/clicks", "/nothing"]
)
def test_a_stranger_sees_nothing_of_it(site: int, path: str) -> None:
    assert get(site, path).status_code == 401


def test_its_pages_and_errors_carry_our_headers(site: int) -> None:
    for path in ("/", "/nothing", EIO + "polling"):
        got = get(site, path, cookie=cookie(site))
        assert "script-src-attr 'none'" in got.headers["content-security-policy"]
        assert got.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in got.headers if name.startswith("access-control")]


def opened(site: int, **headers: str) -> str:
    """The first message on its websocket, or the status it is refused with."""
    origin = headers.pop("origin", None)
    try:
        address = f"ws://127.0.0.1:{site}{EIO}websocket"
        with connect(address, origin=origin, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
            return str(socket.recv(timeout=10))[:8]
    except InvalidStatus as refused:
        return str(refused.response.status_code)


def test_its_websocket_opens_for_its_own_pages_only(site: int) -> None:
    own, key = f"http://127.0.0.1:{site}", cookie(site)
    assert opened(site, origin=own, Cookie=key) == '0{"sid":'
    assert opened(site, origin=own) == "401"
    assert opened(site, origin="http://evil.example", Cookie=key) == "403"
    assert opened(site, Cookie=key) == "403"
    assert opened(site, origin=own, Cookie=key, Host="evil.example") == "400"


def test_long_polling_is_guarded_alike(site: int) -> None:
    own, key = f"http://127.0.0.1:{site}", cookie(site)
    assert get(site, EIO + "polling", cookie=key).text.startswith('0{"sid":')
    assert get(site, EIO + "polling", cookie=key, origin="http://evil.example").status_code == 403
    posted = httpx.post(f"{own}{EIO}polling", headers={"cookie": key, "origin": "null"}, content="40", trust_env=False)
    assert posted.status_code == 403
