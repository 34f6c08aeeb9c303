"""A real browser: a NiceGUI page works under the policy, and a page of another origin can do nothing here."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.web.security.serving import KEY, free_port

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
EVIL = """<!doctype html><title>evil</title><a href="{own}/">a link</a>
<form method="post" action="{own}/api/act"><button>win</button></form>
<img src="{own}/api/clicks"><iframe src="{own}/"></iframe>
<script>
const tried = {{}};
async function attempt(name, act) {{ try {{ tried[name] = String(await act()); }} catch (error) {{ tried[name] = "no"; }} }}
const socket = () => new Promise((yes, no) => {{
  const ws = new WebSocket("{own}/_nicegui_ws/socket.io/?EIO=4&transport=websocket".replace("http", "ws"));
  ws.onmessage = () => yes("open"); ws.onerror = no;
}});
const sent = (path, options) => fetch("{own}" + path, {{credentials: "include", ...options}});
async function run() {{
  await attempt("get", async () => (await sent("/api/clicks")).text());
  await attempt("opaque", async () => (await sent("/api/clicks", {{mode: "no-cors"}})).text());
  await attempt("post", async () => (await sent("/api/act", {{method: "POST"}})).text());
  await attempt("blind", async () => (await sent("/api/act", {{method: "POST", mode: "no-cors"}})).type);
  await attempt("socket", socket);
  await attempt("script", () => import("{own}/_nicegui/{version}/static/nicegui.js"));
  return tried;
}}
</script>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a browser without cookies."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def evil(site: int) -> Iterator[int]:
    """Port of another site, on this machine."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(EVIL.format(own=f"http://127.0.0.1:{site}", version=version("nicegui")).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def enter(page: Page, site: int) -> None:
    """Open the page with the user's token."""
    page.goto(f"http://127.0.0.1:{site}/?token={KEY}")
    page.get_by_role("button", name="Count").wait_for()


def clicks(page: Page, site: int) -> int:
    """How often anything was done, as the server counts."""
    return int(
        page.request.get(f"http://127.0.0.1:{site}/api/clicks", headers={"authorization": f"Bearer {KEY}"}).json()["clicks"]
    )


def test_a_page_works_in_full(page: Page, site: int) -> None:
    violations: list[str] = []
    page.on("console", lambda line: violations.append(line.text) if "Content Security Policy" in line.text else None)
    before = clicks(page, site)
    enter(page, site)
    assert page.url == f"http://127.0.0.1:{site}/"
    page.get_by_role("button", name="Count").click()
    page.get_by_text(f"{before + 1} clicks").wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached")
    page.get_by_text("A plot").wait_for()
    page.get_by_role("button", name="Ask").click()
    page.get_by_text("the browser says 42").wait_for()
    page.set_input_files("input[type=file]", files=[{"name": "a.txt", "mimeType": "text/plain", "buffer": b"x" * 2_000}])
    page.get_by_text("got a.txt").wait_for()
    assert page.evaluate("window.stolen") is None  # an onerror in HTML that the server did not write
    assert len(violations) == 1
    assert "inline event handler" in violations[0]


def test_scripts_of_the_page_cannot_read_the_key(page: Page, site: int) -> None:
    enter(page, site)
    assert "lorasteer" not in page.evaluate("document.cookie")
    assert KEY not in page.content()


def test_without_a_key_a_person_is_told_what_to_do(page: Page, site: int) -> None:
    page.goto(f"http://127.0.0.1:{site}/")
    assert page.get_by_role("heading").inner_text() == "This page needs a key"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_another_site_can_neither_act_nor_read_nor_frame(page: Page, site: int, evil: int, name: str) -> None:
    """127.0.0.1 with another port is the same site, so the cookie comes along; localhost is another site."""
    enter(page, site)
    before = clicks(page, site)
    page.goto(f"http://{name}:{evil}/")
    tried = page.evaluate("run()")
    assert tried.pop("blind") in ("opaque", "no")  # sent without an answer; the count shows that nothing was done
    assert set(tried.values()) <= {"no", ""}
    assert set(tried) == {"get", "opaque", "post", "socket", "script"}
    framed = [frame for frame in page.frames if frame != page.main_frame]
    assert not any(frame.get_by_role("button").count() for frame in framed)
    page.get_by_role("button", name="win").click()
    page.wait_for_load_state()
    assert clicks(page, site) == before


def test_a_printed_link_on_another_site_still_opens_the_page(page: Page, site: int, evil: int) -> None:
    """As from a terminal in the browser."""
    page.goto(f"http://localhost:{evil}/")
    page.evaluate(f"document.querySelector('a').href = 'http://127.0.0.1:{site}/?token={KEY}'")
    page.get_by_text("a link").click()
    page.get_by_role("button", name="Count").wait_for()
    assert page.url == f"http://127.0.0.1:{site}/"
